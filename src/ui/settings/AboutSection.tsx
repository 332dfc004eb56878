import { useTranslation } from 'react-i18next';
import { useModel } from '../../state/hooks.ts';
import { useShell } from '../shell.ts';
import { titleIn } from '../models/useModelLine.ts';
import styles from './settings.module.css';

/** What the page is built on: name and licence. */
const BUILT_ON = [
  ['web-llm · MLC', 'Apache-2.0'],
  ['React', 'MIT'],
  ['Base UI', 'MIT'],
  ['Dexie', 'Apache-2.0'],
  ['zustand', 'MIT'],
  ['i18next', 'MIT'],
  ['react-markdown · remark · micromark', 'MIT'],
  ['KaTeX', 'MIT'],
  ['Lucide', 'ISC'],
  ['Comlink', 'Apache-2.0'],
  ['TanStack Virtual', 'MIT'],
  ['wouter', 'Unlicense'],
  ['Workbox', 'MIT'],
  ['zod', 'MIT'],
] as const;

export function AboutSection() {
  const { t, i18n } = useTranslation('settings');
  const version = useShell((state) => state.version);
  const engine = useModel((state) => state.engine);
  const model = engine.phase === 'ready' || engine.phase === 'generating' ? engine.model : null;
  return (
    <div className={styles.about}>
      <dl>
        <dt>{t('about.version')}</dt>
        <dd>Hypnos {version} · Apache-2.0</dd>
        <dt>{t('about.model')}</dt>
        <dd>
          {model
            ? `${titleIn(model.title, i18n.language)} · ${model.engine} · ${model.library}`
            : t('about.noModel')}
        </dd>
        <dt>{t('about.paper')}</dt>
        <dd>Hypnos: arXiv 2403.02742</dd>
      </dl>
      <p className={styles.disclaimer}>{t('about.disclaimer')}</p>
      <details>
        <summary>{t('about.builtOn')}</summary>
        <ul>
          {BUILT_ON.map(([name, licence]) => (
            <li key={name}>
              {name} <small>{licence}</small>
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}
