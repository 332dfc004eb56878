/** Components that every screen shares; those of `controls.ts` are for screens that are chunks of their own. */
export { Banner } from './Banner.tsx';
export { Button, IconButton } from './Button.tsx';
export { Dialog } from './Dialog.tsx';
export { ErrorNotice } from './ErrorNotice.tsx';
export { Field, TextArea, TextField } from './Field.tsx';
export { Kbd } from './Kbd.tsx';
export { Menu } from './Menu.tsx';
export type { MenuEntry } from './Menu.tsx';
export { Pill } from './Pill.tsx';
export { ProgressBar } from './ProgressBar.tsx';
export { ScreenHeader } from './ScreenHeader.tsx';
export { toast } from './toast.ts';
export { Tooltip } from './Tooltip.tsx';
export { cx } from './cx.ts';
