/** Messages at the screen's foot, from anywhere. What draws them is loaded after the first paint. */
export interface ToastMessage {
  readonly title: string;
  readonly description?: string;
  readonly tone?: 'neutral' | 'danger';
  readonly action?: { readonly label: string; readonly onClick: () => void };
  /** How long it stays; 0 until it is closed. */
  readonly milliseconds?: number;
}

/** Shows the message; the returned function takes it away. */
export function toast(message: ToastMessage): () => void {
  let close: (() => void) | null = null;
  let isClosed = false;
  void import('./ToastViewport.tsx').then(({ addToast }) => {
    if (!isClosed) close = addToast(message);
  });
  return () => {
    isClosed = true;
    close?.();
  };
}
