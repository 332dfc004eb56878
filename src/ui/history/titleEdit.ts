import { useRef, useState } from 'react';

/** @param title null: nothing to change @param byKey Enter or Escape ended it: the focus has nowhere else to go */
export type TitleDone = (title: string | null, byKey: boolean) => void;

/** The text of a title that is edited in place, and its end: once, for leaving by Enter or Escape also blurs. */
export function useTitleEdit(title: string, onDone: TitleDone) {
  const [text, setText] = useState(title);
  const isDone = useRef(false);
  const finish = (isSaved: boolean, byKey: boolean): void => {
    if (isDone.current) return;
    isDone.current = true;
    const next = text.trim();
    onDone(isSaved && next !== '' && next !== title ? next : null, byKey);
  };
  return { text, setText, finish };
}
