import { ArrowLeft, Check, Play, Printer, RotateCcw, Square } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { Crises, CrisisCard } from '../../state/crises.ts';
import { doneTimes } from '../../state/records.ts';
import { Button, ErrorNotice, IconButton, Pill, ScreenHeader, cx, toast } from '../components/index.ts';
import { Unbroken } from '../components/Unbroken.tsx';
import { formatClock, formatDuration, useNow } from './time.ts';
import { useRun } from './useRun.ts';
import styles from './crisis.module.css';

interface CrisisCardViewProps {
  readonly card: CrisisCard;
  readonly index: Crises['index'];
}

export function CrisisCardView({ card, index }: CrisisCardViewProps) {
  const { t, i18n } = useTranslation('crisis');
  const { run, error, start, add } = useRun(card);
  const now = useNow(run !== null);
  const startedAt = run?.run.startedAt ?? null;
  const done = doneTimes(run?.events ?? []);
  const lastAt = run?.events.at(-1)?.at ?? null;
  const sourceText = (key: string): string => {
    const source = index.sources[key];
    if (!source) return key;
    if (source.kind === 'guideline') return `${source.issuer} ${source.year}`;
    return i18n.language === 'en' ? source.en : source.zh;
  };
  const elapsed = startedAt === null ? 0 : Math.max(0, now - startedAt);

  return (
    <>
      <ScreenHeader title={<span className={styles.screenTitle}>{card.title}</span>}>
        <Link href="/crisis" className={styles.back}>
          <ArrowLeft size={16} aria-hidden />
          <span>{t('back')}</span>
        </Link>
        <IconButton
          label={t('print')}
          onClick={() => {
            window.print();
          }}
        >
          <Printer size={18} aria-hidden />
        </IconButton>
      </ScreenHeader>
      <div className={styles.clockBar}>
        <div
          role="timer"
          aria-label={t('elapsed')}
          className={cx(styles.clock, startedAt === null && styles.idle)}
        >
          {formatDuration(elapsed)}
        </div>
        <p className={styles.clockWords}>
          {startedAt === null ? (
            t('notStarted')
          ) : (
            <>
              <span>{t('progress', { done: done.size, total: card.steps.length })}</span>
              {lastAt !== null && (
                <span>
                  {t('since')} <b>{formatDuration(now - lastAt)}</b>
                </span>
              )}
            </>
          )}
        </p>
        {startedAt === null ? (
          <Button variant="primary" icon={<Play size={16} aria-hidden />} onClick={start}>
            {t('start')}
          </Button>
        ) : (
          <Button
            icon={<Square size={14} aria-hidden />}
            onClick={() => {
              add('end', null);
              toast({ title: t('saved') });
            }}
          >
            {t('end')}
          </Button>
        )}
      </div>
      <div className={styles.scroller} data-print>
        <article className={styles.sheet} aria-label={card.title} lang="zh-CN">
          <header className={styles.sheetHead}>
            <h2 className={styles.printTitle} aria-hidden>
              {card.title} <small lang="en">{card.title_en}</small>
            </h2>
            <p className={styles.summary}>{card.summary}</p>
          </header>
          {error && (
            <div className={styles.failure}>
              <p>{t('unsaved')}</p>
              <ErrorNotice error={error} />
            </div>
          )}
          <h2 className="visually-hidden">{t('steps')}</h2>
          <ol className={styles.steps}>
            {card.steps.map((step, at) => {
              const times = done.get(step.id) ?? [];
              const isDone = times.length > 0;
              const latest = times.at(-1);
              return (
                <li
                  key={step.id}
                  className={cx(styles.step, step.critical && styles.critical, isDone && styles.done)}
                >
                  <label className={styles.tick}>
                    <input
                      type="checkbox"
                      className={styles.check}
                      checked={isDone}
                      onChange={() => {
                        add(isDone ? 'untick' : 'tick', step);
                      }}
                    />
                    <span className={styles.box} aria-hidden>
                      {isDone && <Check size={24} strokeWidth={3} />}
                    </span>
                    <span className={styles.stepText}>
                      <span className={styles.number}>{at + 1}.</span> <Unbroken text={step.text} />
                      {step.critical && (
                        <Pill tone="danger" className={styles.pill}>
                          {t('critical')}
                        </Pill>
                      )}
                    </span>
                  </label>
                  {step.detail && (
                    <p className={styles.detail}>
                      <Unbroken text={step.detail} />
                    </p>
                  )}
                  <div className={styles.stepEnd}>
                    {isDone && startedAt !== null && latest !== undefined && (
                      <>
                        <p className={styles.times}>
                          {times.map((time) => (
                            <time key={time} dateTime={new Date(time).toISOString()}>
                              <b>{formatClock(time)}</b> +{formatDuration(time - startedAt)}
                            </time>
                          ))}
                          <span>{t('ago', { time: formatDuration(now - latest) })}</span>
                        </p>
                        <Button
                          size="s"
                          icon={<RotateCcw size={14} aria-hidden />}
                          className={styles.again}
                          onClick={() => {
                            add('repeat', step);
                          }}
                        >
                          {t('again')}
                        </Button>
                      </>
                    )}
                    <span className={styles.source}>{sourceText(step.source)}</span>
                  </div>
                </li>
              );
            })}
          </ol>
          <div className={styles.sections}>
            {card.sections.map((section) => (
              <section key={section.id}>
                <h2>{section.heading}</h2>
                <ul>
                  {section.statements.map(({ text, source }) => (
                    <li key={text}>
                      <Unbroken text={text} /> <span className={styles.source}>{sourceText(source)}</span>
                    </li>
                  ))}
                </ul>
              </section>
            ))}
          </div>
          <p className={styles.notice}>
            <b>{t('notice')}</b> · {i18n.language === 'en' ? index.notice.en : index.notice.zh}
          </p>
        </article>
      </div>
    </>
  );
}
