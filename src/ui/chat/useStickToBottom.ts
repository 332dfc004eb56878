/**
 * Keeps a scrolled list at its end while it grows, but only for a reader who is at the end: one scroll, wheel turn or
 * key upwards lets go, coming back to the end holds on again.
 */
import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';

const AT_END_PX = 8;
/** From here on the way back is offered. */
const FAR_PX = 160;

export interface StickToBottom {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly isFar: boolean;
  readonly toEnd: (behavior?: ScrollBehavior) => void;
  /** Stays where the reader was sent, instead of following. */
  readonly letGo: () => void;
}

export function useStickToBottom(): StickToBottom {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const sticks = useRef(true);
  const [isFar, setIsFar] = useState(false);

  const toEnd = useCallback((behavior: ScrollBehavior = 'instant') => {
    sticks.current = true;
    const element = scroller.current;
    element?.scrollTo({ top: element.scrollHeight, behavior });
  }, []);
  const letGo = useCallback(() => {
    sticks.current = false;
  }, []);

  useEffect(() => {
    const element = scroller.current;
    const inner = content.current;
    if (!element || !inner) return;
    let top = element.scrollTop;
    let height = element.scrollHeight;

    const distance = (): number => element.scrollHeight - element.clientHeight - element.scrollTop;
    const onScroll = (): void => {
      const left = distance();
      if (left <= AT_END_PX) sticks.current = true;
      // Shrinking content moves the position up too; only the reader's own movement lets go.
      else if (element.scrollTop < top - 1 && element.scrollHeight >= height) sticks.current = false;
      top = element.scrollTop;
      height = element.scrollHeight;
      setIsFar(left > FAR_PX);
    };
    const onWheel = (event: WheelEvent): void => {
      if (event.deltaY < 0 && element.scrollHeight > element.clientHeight) sticks.current = false;
    };
    // Before the frame is painted: what has grown and the new position are seen together.
    const observer = new ResizeObserver(() => {
      if (sticks.current) element.scrollTop = element.scrollHeight;
      top = element.scrollTop;
      height = element.scrollHeight;
      setIsFar(distance() > FAR_PX);
    });
    observer.observe(inner);
    observer.observe(element);
    element.addEventListener('scroll', onScroll, { passive: true });
    element.addEventListener('wheel', onWheel, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', onScroll);
      element.removeEventListener('wheel', onWheel);
    };
  }, []);

  return { scroller, content, isFar, toEnd, letGo };
}
