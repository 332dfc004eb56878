import { useTranslation } from 'react-i18next';
import { HYPNOS_ERROR_CODES } from '../shared/errors.ts';
import type { CodedError, HypnosErrorCode } from '../shared/errors.ts';

export interface ErrorText {
  readonly what: string;
  readonly kept: string;
  readonly next: string;
  /** The facts that came with it (an engine's own message, a path), for whoever looks into it; empty if none. */
  readonly detail: string;
}

/** The code if it is one of ours, else 'unknown': stored messages may come from another version. */
export function knownCode(code: string): HypnosErrorCode {
  return HYPNOS_ERROR_CODES.find((known) => known === code) ?? 'unknown';
}

/** What a failure means in the locale on screen: what happened, what was kept, what to do. */
export function useErrorText(error: CodedError): ErrorText {
  const { t, i18n } = useTranslation('errors');
  const code = knownCode(error.code);
  const space = i18n.language === 'en' ? ' ' : '';
  const values = { ...error.detail };
  return {
    what: t(`${code}.what`, values),
    kept: t(`${code}.kept`, values) + space,
    next: t(`${code}.next`, values),
    detail: ['message', 'path', 'reason']
      .flatMap((key) => (error.detail[key] === undefined ? [] : [String(error.detail[key])]))
      .join(' · '),
  };
}
