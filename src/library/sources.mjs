/**
 * What the statements of the library rest on. A guideline stands here only where its title,
 * issuer and year are certain; the statements that name it were still not checked against its text.
 */
export const sources = {
  textbook: {
    kind: 'textbook',
    zh: '教科书通识，未核对',
    en: 'General textbook knowledge, not checked',
  },
  'asra-2020': {
    kind: 'guideline',
    title: 'Local Anesthetic Systemic Toxicity Checklist: 2020 Version',
    issuer: 'American Society of Regional Anesthesia and Pain Medicine',
    year: 2020,
  },
  'das-2015': {
    kind: 'guideline',
    title:
      'Difficult Airway Society 2015 guidelines for management of unanticipated difficult intubation in adults',
    issuer: 'Difficult Airway Society',
    year: 2015,
  },
  'oaa-das-2015': {
    kind: 'guideline',
    title:
      "Obstetric Anaesthetists' Association and Difficult Airway Society guidelines for the management of difficult and failed tracheal intubation in obstetrics",
    issuer: "Obstetric Anaesthetists' Association and Difficult Airway Society",
    year: 2015,
  },
  'aha-2020': {
    kind: 'guideline',
    title:
      'American Heart Association Guidelines for Cardiopulmonary Resuscitation and Emergency Cardiovascular Care',
    issuer: 'American Heart Association',
    year: 2020,
  },
  'asa-ps-2020': {
    kind: 'guideline',
    title: 'ASA Physical Status Classification System',
    issuer: 'American Society of Anesthesiologists',
    year: 2020,
  },
  'asa-fasting-2017': {
    kind: 'guideline',
    title:
      'Practice Guidelines for Preoperative Fasting and the Use of Pharmacologic Agents to Reduce the Risk of Pulmonary Aspiration',
    issuer: 'American Society of Anesthesiologists',
    year: 2017,
  },
  'asa-nmb-2023': {
    kind: 'guideline',
    title: 'Practice Guidelines for Monitoring and Antagonism of Neuromuscular Blockade',
    issuer: 'American Society of Anesthesiologists',
    year: 2023,
  },
  'ponv-2020': {
    kind: 'guideline',
    title: 'Fourth Consensus Guidelines for the Management of Postoperative Nausea and Vomiting',
    issuer: 'American Society for Enhanced Recovery and Society for Ambulatory Anesthesia',
    year: 2020,
  },
};
