/** A handful of cards for tests of the machinery; the library that ships has tests of its own. */
import type { LibraryCard } from '../../../src/library/cards.ts';

const card = (
  id: string,
  title: string,
  title_en: string,
  aliases: readonly string[],
  statements: readonly string[],
): LibraryCard => ({
  id,
  kind: id.split('-')[0] as LibraryCard['kind'],
  title,
  title_en,
  aliases: [...aliases],
  category: 'intravenous',
  summary: `${title}的要点。`,
  sections: [
    { id: 'dose', heading: '剂量', statements: statements.map((text) => ({ text, source: 'textbook' })) },
  ],
  related: [],
  version: '1.0.0',
});

export const CARDS: readonly LibraryCard[] = [
  card(
    'drug-propofol',
    '丙泊酚',
    'Propofol',
    ['异丙酚'],
    ['成人诱导静脉注射 1.5～2.5 mg/kg，缓慢滴定。', '老年人诱导 0.5～1.5 mg/kg，注射更慢。'],
  ),
  card('drug-ketamine', '氯胺酮', 'Ketamine', [], ['成人诱导静脉注射 1～2 mg/kg。']),
  card('drug-esketamine', '艾司氯胺酮', 'Esketamine', [], ['成人诱导静脉注射 0.5 mg/kg。']),
  card('drug-rocuronium', '罗库溴铵', 'Rocuronium', [], ['插管剂量 0.6 mg/kg，快诱导 1.2 mg/kg。']),
  card('drug-vecuronium', '维库溴铵', 'Vecuronium', [], ['插管剂量 0.1 mg/kg。']),
  card(
    'crisis-malignant-hyperthermia',
    '恶性高热',
    'Malignant hyperthermia',
    ['MH'],
    ['立即停用挥发性麻醉药和琥珀胆碱，静脉注射丹曲林 2.5 mg/kg。'],
  ),
  card('score-stop-bang', 'STOP-Bang 评分', 'STOP-Bang', ['STOP-BANG'], ['3 分以上为睡眠呼吸暂停中高危。']),
];
