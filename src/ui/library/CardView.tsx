import { useEffect } from 'react';
import { ArrowLeft } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import type { Library, LibraryCard, LibrarySource } from '../../state/library.ts';
import { Button, ErrorNotice, Pill, cx } from '../components/index.ts';
import { Page } from '../components/Page.tsx';
import { Unbroken } from '../components/Unbroken.tsx';
import { useLibrary } from './useLibrary.ts';
import styles from './library.module.css';

export interface CardViewProps {
  readonly id: string;
  /** The section that was cited; null: from the top. */
  readonly place: string | null;
}

export function CardView({ id, place }: CardViewProps) {
  const { t } = useTranslation('library');
  const { t: common } = useTranslation();
  const { library, error, retry } = useLibrary();
  const card = library?.cards.get(id);
  const target = card ? sectionOf(card, place) : null;

  useEffect(() => {
    if (target) document.getElementById(`section-${target}`)?.scrollIntoView({ block: 'center' });
  }, [target]);

  return (
    <Page>
      <Link href="/library" className={styles.back}>
        <ArrowLeft size={15} aria-hidden />
        {t('card.back')}
      </Link>
      {error && (
        <ErrorNotice
          error={error}
          actions={
            <Button size="s" onClick={retry}>
              {common('retry')}
            </Button>
          }
        />
      )}
      {library && !card && <p className={styles.note}>{t('card.missing')}</p>}
      {library && card && <Card library={library} card={card} target={target} />}
    </Page>
  );
}

/** A long section's later passages are called `<section>-1`, `<section>-2`. */
function sectionOf(card: LibraryCard, place: string | null): string | null {
  if (place === null) return null;
  const ids = [...card.sections.map(({ id }) => id), 'summary', 'dose', 'steps', 'items', 'interpretation'];
  return ids.includes(place) ? place : (ids.find((id) => place.replace(/-\d+$/, '') === id) ?? null);
}

interface CardProps {
  readonly library: Library;
  readonly card: LibraryCard;
  readonly target: string | null;
}

function Card({ library, card, target }: CardProps) {
  const { t } = useTranslation('library');
  const used = new Set<string>();
  const marked = (sectionId: string) => ({
    id: `section-${sectionId}`,
    className: cx(styles.section, target === sectionId && styles.target),
  });
  for (const { statements, table } of card.sections) {
    for (const { source } of statements) used.add(source);
    if (table) used.add(table.source);
  }
  for (const { source } of [...(card.doses ?? []), ...(card.steps ?? [])]) used.add(source);
  const order = [...used];
  const mark = (source: string) =>
    order.length > 1 ? <sup className={styles.sourceMark}>{order.indexOf(source) + 1}</sup> : null;
  const related = card.related.flatMap((id) => library.cards.get(id) ?? []);

  return (
    <article className={styles.card} aria-labelledby="card-title">
      <header {...marked('summary')}>
        <div className={styles.cardTitle}>
          <h2 id="card-title">{card.title}</h2>
          <span lang="en">{card.title_en}</span>
          <Pill>{t(`kind.${card.kind}`)}</Pill>
        </div>
        {card.aliases.length > 0 && (
          <p className={styles.aliases}>
            {t('card.aliases')} {card.aliases.join('、')}
          </p>
        )}
        <p>{card.summary}</p>
      </header>
      {!library.index.reviewed && <p className={styles.notice}>{t('card.unreviewed')}</p>}
      {card.steps && (
        <section {...marked('steps')}>
          <h3>{t('card.steps')}</h3>
          <ol>
            {card.steps.map(({ id, text, detail, critical, source }) => (
              <li key={id}>
                {critical ? (
                  <b>
                    <Unbroken text={text} />
                  </b>
                ) : (
                  <Unbroken text={text} />
                )}
                {critical && <Pill tone="danger">{t('card.critical')}</Pill>}
                {detail && (
                  <span className={styles.detail}>
                    <Unbroken text={detail} />
                  </span>
                )}
                {mark(source)}
              </li>
            ))}
          </ol>
        </section>
      )}
      {card.doses && card.doses.length > 0 && <Doses card={card} mark={mark} marked={marked} />}
      {card.sections.map(({ id, heading, statements, table }) => (
        <section key={id} {...(id === 'dose' && card.doses ? { className: styles.section } : marked(id))}>
          <h3>{heading}</h3>
          {statements.length > 0 && (
            <ul>
              {statements.map(({ text, source }) => (
                <li key={text}>
                  <Unbroken text={text} />
                  {mark(source)}
                </li>
              ))}
            </ul>
          )}
          {table && <Table label={heading} columns={table.columns} rows={table.rows} />}
        </section>
      ))}
      {card.items && (
        <section {...marked('items')}>
          <h3>{t('card.items')}</h3>
          <Table
            label={t('card.items')}
            columns={[t('card.item'), t('card.score')]}
            rows={card.items.map(({ label, options }) => [
              label,
              options.map((option) => `${option.label} ${option.points}`).join('；'),
            ])}
          />
        </section>
      )}
      {card.interpretation && (
        <section {...marked('interpretation')}>
          <h3>{t('card.interpretation')}</h3>
          <ul>
            {card.interpretation.map(({ min, max, text }) => (
              <li key={text}>
                <b>{min === max ? min : `${min}–${max}`}</b> {text}
              </li>
            ))}
          </ul>
        </section>
      )}
      {related.length > 0 && (
        <section className={styles.section}>
          <h3>{t('card.related')}</h3>
          <ul className={styles.cards}>
            {related.map(({ id, title }) => (
              <li key={id}>
                <Link href={`/library/${id}`}>{title}</Link>
              </li>
            ))}
          </ul>
        </section>
      )}
      <footer className={styles.footer}>
        <span>{t('card.sources')}</span>
        <ol>
          {order.map((key) => (
            <li key={key}>
              <SourceName source={library.index.sources[key]} />
            </li>
          ))}
        </ol>
        <span>{t('card.version', { version: card.version })}</span>
      </footer>
    </article>
  );
}

function SourceName({ source }: { readonly source: LibrarySource | undefined }) {
  const { t, i18n } = useTranslation('library');
  if (!source) return '?';
  if (source.kind === 'textbook') return i18n.language === 'en' ? source.en : source.zh;
  return t('card.guideline', { title: source.title, issuer: source.issuer, year: source.year });
}

interface DosesProps {
  readonly card: LibraryCard;
  readonly mark: (source: string) => React.ReactNode;
  readonly marked: (sectionId: string) => { id: string; className: string };
}

function Doses({ card, mark, marked }: DosesProps) {
  const { t, i18n } = useTranslation('library');
  // A later version of the cards may know more of them than this page.
  const route = (key: string) => (i18n.exists(`library:route.${key}`) ? t(`route.${key as 'iv'}`) : key);
  const population = (key: string) =>
    i18n.exists(`library:population.${key}`) ? t(`population.${key as 'adult'}`) : key;
  return (
    <section {...marked('dose')}>
      <h3>{t('card.doses')}</h3>
      <div className={styles.tableScroll} role="region" aria-label={t('card.doses')} tabIndex={0}>
        <table className={styles.doses}>
          <thead>
            <tr>
              {(['indication', 'route', 'population', 'amount', 'note'] as const).map((column) => (
                <th key={column} scope="col">
                  {t(`card.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {card.doses?.map((dose, index) => (
              <tr key={index}>
                <th scope="row">{dose.indication}</th>
                <td>{route(dose.route)}</td>
                <td>{population(dose.population)}</td>
                <td className={styles.amount}>
                  {dose.low === dose.high ? dose.low : `${dose.low}–${dose.high}`} {dose.unit}
                  {mark(dose.source)}
                </td>
                <td>{dose.note}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface TableProps {
  readonly label: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

function Table({ label, columns, rows }: TableProps) {
  return (
    <div className={styles.tableScroll} role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, at) =>
                at === 0 ? (
                  <th key={at} scope="row">
                    {cell}
                  </th>
                ) : (
                  <td key={at}>{cell}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
