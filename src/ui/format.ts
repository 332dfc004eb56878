/** Figures as the locale on screen writes them. */
import { currentLocale } from '../i18n/index.ts';

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** 9,400,000 -> "9.4 MB" (with a space that does not break). Decimal units, as disks and downloads are labelled. */
export function formatBytes(bytes: number, locale: string = currentLocale()): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
  return `${number}\u00a0${UNITS[unit] ?? ''}`;
}

/** 15,300,000 -> "1530万" or "15.3M". */
export function formatCount(count: number, locale: string = currentLocale()): string {
  return new Intl.NumberFormat(locale, { notation: 'compact', maximumSignificantDigits: 4 }).format(count);
}

export function formatNumber(value: number, locale: string = currentLocale()): string {
  return new Intl.NumberFormat(locale).format(value);
}

/** 62 -> "1 分钟", "1 min"; under a minute in seconds. Rounded up: a promise kept early. */
export function formatSeconds(seconds: number, locale: string = currentLocale()): string {
  const isLong = seconds >= 60;
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: isLong ? 'minute' : 'second',
    unitDisplay: 'short',
  }).format(Math.ceil(isLong ? seconds / 60 : seconds));
}
