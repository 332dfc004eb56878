/** Controls of forms: heavy, and only on screens that are loaded when they are opened. */
export { Select } from './Select.tsx';
export { Slider } from './Slider.tsx';
export { Switch } from './Switch.tsx';
