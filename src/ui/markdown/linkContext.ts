import { createContext, useContext } from 'react';
import type { OpenableUrl } from './url.ts';

/** Asks before an address in model text is opened; the place that shows the dialog provides it. */
export const LinkGuardContext = createContext<(url: OpenableUrl) => void>(() => {});
export const useLinkGuard = (): ((url: OpenableUrl) => void) => useContext(LinkGuardContext);
