import { createContext, useContext } from 'react';

/** What screens may know of the frame around them. */
export interface ShellLayout {
  /** The sidebar is out of sight: a narrow window, or the user folded it. */
  readonly sidebarHidden: boolean;
  readonly openSidebar: () => void;
}

export const ShellLayoutContext = createContext<ShellLayout>({ sidebarHidden: false, openSidebar: () => {} });
export const useShellLayout = (): ShellLayout => useContext(ShellLayoutContext);
