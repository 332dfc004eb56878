import { useTranslation } from 'react-i18next';
import { ScreenHeader } from '../components/index.ts';
import { Page, Section } from '../components/Page.tsx';
import { StorageCard } from '../models/StorageCard.tsx';
import { AboutSection } from './AboutSection.tsx';
import { AnswerSettings } from './AnswerSettings.tsx';
import { EraseSection } from './EraseSection.tsx';
import { GeneralSettings } from './GeneralSettings.tsx';
import { PrivacySection } from './PrivacySection.tsx';
import { TransferSection } from './TransferSection.tsx';

export function SettingsScreen() {
  const { t } = useTranslation('settings');
  return (
    <>
      <ScreenHeader title={t('title')} />
      <Page>
        <Section title={t('general.title')}>
          <GeneralSettings />
        </Section>
        <Section title={t('answers.title')} hint={t('answers.hint')}>
          <AnswerSettings />
        </Section>
        <Section title={t('data.title')}>
          <TransferSection />
        </Section>
        <Section title={t('storage')}>
          <StorageCard />
        </Section>
        <Section title={t('privacy.title')}>
          <PrivacySection />
        </Section>
        <Section title={t('erase.title')}>
          <EraseSection />
        </Section>
        <Section title={t('about.title')}>
          <AboutSection />
        </Section>
      </Page>
    </>
  );
}
