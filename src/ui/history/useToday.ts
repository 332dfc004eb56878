import { useEffect, useState } from 'react';
import { startOfDay } from './groups.ts';

/** Midnight of today; changes when the day does, also after the laptop slept through it. */
export function useToday(): number {
  const [today, setToday] = useState(() => startOfDay(Date.now()));
  useEffect(() => {
    const update = () => {
      setToday(startOfDay(Date.now()));
    };
    const timer = setTimeout(update, startOfDay(Date.now(), 1) - Date.now() + 1000);
    document.addEventListener('visibilitychange', update);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', update);
    };
  }, [today]);
  return today;
}
