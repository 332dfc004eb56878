/**
 * Usual ranges by which a dose is judged, in the unit in which the drug is usually given. Ids are those of the library's
 * drug cards, whose ranges these are (general textbook knowledge, not checked). `refuse` is no clinical maximum: it is
 * where a slip of ten or a thousand times must stop.
 */
import type { DoseRateUnit } from './units.ts';

export interface DoseRange {
  readonly usual: readonly [low: number, high: number];
  readonly refuse: number;
}

export type BolusUnit = 'mg/kg' | 'µg/kg';

export interface BolusDrug extends DoseRange {
  readonly id: string;
  readonly unit: BolusUnit;
  /** A whole dose above this is refused, in the mass of `unit`. */
  readonly refuseTotal?: number;
}

const bolus = (
  id: string,
  unit: BolusUnit,
  usual: readonly [number, number],
  refuse: number,
  refuseTotal?: number,
): BolusDrug => ({ id, unit, usual, refuse, ...(refuseTotal === undefined ? {} : { refuseTotal }) });

export const BOLUS_DRUGS: readonly BolusDrug[] = [
  bolus('drug-propofol', 'mg/kg', [0.5, 3.5], 5),
  bolus('drug-etomidate', 'mg/kg', [0.1, 0.3], 0.6),
  bolus('drug-ketamine', 'mg/kg', [0.1, 2], 5),
  bolus('drug-midazolam', 'mg/kg', [0.02, 0.3], 0.6),
  bolus('drug-fentanyl', 'µg/kg', [0.5, 3], 25),
  bolus('drug-sufentanil', 'µg/kg', [0.1, 0.5], 4),
  bolus('drug-remifentanil', 'µg/kg', [0.5, 1], 5),
  bolus('drug-dexmedetomidine', 'µg/kg', [0.3, 1], 3),
  bolus('drug-succinylcholine', 'mg/kg', [0.5, 2], 5),
  bolus('drug-rocuronium', 'mg/kg', [0.1, 1.2], 2.5),
  bolus('drug-cisatracurium', 'mg/kg', [0.03, 0.2], 0.5),
  bolus('drug-neostigmine', 'mg/kg', [0.02, 0.07], 0.1, 5),
  bolus('drug-sugammadex', 'mg/kg', [2, 16], 19),
  bolus('drug-atropine', 'mg/kg', [0.01, 0.02], 0.05, 3),
  bolus('drug-adrenaline', 'µg/kg', [0.1, 10], 30, 1000),
  bolus('drug-lidocaine', 'mg/kg', [0.5, 1.5], 3),
  bolus('drug-tranexamic-acid', 'mg/kg', [10, 30], 100),
  bolus('drug-dantrolene', 'mg/kg', [1, 2.5], 10),
];

export interface InfusionDrug extends DoseRange {
  readonly id: string;
  readonly unit: DoseRateUnit;
}

const infusion = (
  id: string,
  unit: DoseRateUnit,
  usual: readonly [number, number],
  refuse: number,
): InfusionDrug => ({ id, unit, usual, refuse });

export const INFUSION_DRUGS: readonly InfusionDrug[] = [
  infusion('drug-noradrenaline', 'µg/kg/min', [0.02, 0.5], 4),
  infusion('drug-adrenaline', 'µg/kg/min', [0.02, 0.5], 4),
  infusion('drug-phenylephrine', 'µg/kg/min', [0.2, 1], 9),
  infusion('drug-dopamine', 'µg/kg/min', [2, 20], 50),
  infusion('drug-dobutamine', 'µg/kg/min', [2, 20], 50),
  infusion('drug-remifentanil', 'µg/kg/min', [0.02, 0.3], 2),
  infusion('drug-rocuronium', 'µg/kg/min', [5, 12], 40),
  infusion('drug-cisatracurium', 'µg/kg/min', [1, 2], 10),
  infusion('drug-propofol', 'mg/kg/h', [0.3, 12], 20),
  infusion('drug-dexmedetomidine', 'µg/kg/h', [0.2, 1.4], 3),
  infusion('drug-ketamine', 'mg/kg/h', [0.1, 0.3], 2.5),
  infusion('drug-midazolam', 'mg/kg/h', [0.02, 0.1], 0.5),
];

export interface LocalAnaesthetic {
  readonly id: string;
  /** mg/kg and mg; the lower of the two holds. */
  readonly plain: readonly [perKg: number, total: number];
  readonly withAdrenaline: readonly [perKg: number, total: number];
}

export const LOCAL_ANAESTHETICS: readonly LocalAnaesthetic[] = [
  { id: 'drug-lidocaine', plain: [4.5, 300], withAdrenaline: [7, 500] },
  { id: 'drug-ropivacaine', plain: [3, 200], withAdrenaline: [3, 200] },
  { id: 'drug-bupivacaine', plain: [2, 150], withAdrenaline: [2.5, 150] },
  { id: 'drug-levobupivacaine', plain: [2, 150], withAdrenaline: [2, 150] },
  { id: 'drug-chloroprocaine', plain: [11, 800], withAdrenaline: [14, 1000] },
];
