/** For the screens: what was picked or dropped, as the manager takes it. */
export { fromDrop as describeDrop, fromFileList as describeFiles } from '../packages/gather.ts';
