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

/** Weakest and strongest. A child's weaker dilution wants a reason: a tenth here is ten times the volume. */
export type Strength = readonly [weakest: number, strongest: number];

export type BolusUnit = 'mg/kg' | 'µg/kg';

export interface BolusDrug extends DoseRange {
  readonly id: string;
  readonly unit: BolusUnit;
  /** Of ampoules and usual syringes, mg/mL: outside it a decimal point may be off. */
  readonly strength: Strength;
  /** The top of the usual range from ELDERLY_AGE on. */
  readonly elderly?: number;
  /** Volumes that are doubted and refused, mL, where one dose fills many syringes. */
  readonly volume?: readonly [large: number, refused: number];
  /** Usually given by ideal or lean weight to the obese. */
  readonly isByLean?: true;
  /** A whole dose above this is refused, in the mass of `unit`. */
  readonly refuseTotal?: number;
}

const bolus = (
  id: string,
  unit: BolusUnit,
  usual: readonly [number, number],
  refuse: number,
  strength: Strength,
  more: Pick<BolusDrug, 'elderly' | 'isByLean' | 'refuseTotal' | 'volume'> = {},
): BolusDrug => ({ id, unit, usual, refuse, strength, ...more });

export const BOLUS_DRUGS: readonly BolusDrug[] = [
  bolus('drug-propofol', 'mg/kg', [0.5, 3.5], 5, [5, 20], { elderly: 1.5, isByLean: true }),
  bolus('drug-etomidate', 'mg/kg', [0.1, 0.3], 0.6, [1, 2], { elderly: 0.2 }),
  bolus('drug-ketamine', 'mg/kg', [0.1, 2], 5, [10, 50]),
  bolus('drug-midazolam', 'mg/kg', [0.02, 0.3], 0.6, [0.5, 5]),
  bolus('drug-fentanyl', 'µg/kg', [0.5, 3], 25, [0.01, 0.05]),
  bolus('drug-sufentanil', 'µg/kg', [0.1, 0.5], 4, [0.002, 0.05]),
  bolus('drug-remifentanil', 'µg/kg', [0.5, 1], 5, [0.01, 0.1]),
  bolus('drug-dexmedetomidine', 'µg/kg', [0.3, 1], 3, [0.004, 0.1]),
  bolus('drug-succinylcholine', 'mg/kg', [0.5, 2], 5, [10, 50]),
  bolus('drug-rocuronium', 'mg/kg', [0.1, 1.2], 2.5, [5, 10], { isByLean: true }),
  bolus('drug-cisatracurium', 'mg/kg', [0.03, 0.2], 0.5, [1, 5], { isByLean: true }),
  bolus('drug-neostigmine', 'mg/kg', [0.02, 0.07], 0.1, [0.25, 1], { refuseTotal: 5 }),
  bolus('drug-sugammadex', 'mg/kg', [2, 16], 19, [100, 100]),
  bolus('drug-atropine', 'mg/kg', [0.01, 0.02], 0.05, [0.1, 1], { refuseTotal: 3 }),
  // 10 µg/kg is for arrest, ten times what a beating heart gets: it wants a reason.
  bolus('drug-adrenaline', 'µg/kg', [0.1, 3.5], 30, [0.001, 1], { refuseTotal: 1000 }),
  bolus('drug-lidocaine', 'mg/kg', [0.5, 1.5], 3, [10, 20]),
  bolus('drug-tranexamic-acid', 'mg/kg', [10, 30], 100, [10, 100]),
  bolus('drug-dantrolene', 'mg/kg', [1, 2.5], 10, [0.3, 0.4], { volume: [900, 3000] }),
];

export interface InfusionDrug extends DoseRange {
  readonly id: string;
  readonly unit: DoseRateUnit;
  /** Of usual dilutions, µg/mL. */
  readonly strength: Strength;
}

const infusion = (
  id: string,
  unit: DoseRateUnit,
  usual: readonly [number, number],
  refuse: number,
  strength: Strength,
): InfusionDrug => ({ id, unit, usual, refuse, strength });

export const INFUSION_DRUGS: readonly InfusionDrug[] = [
  infusion('drug-noradrenaline', 'µg/kg/min', [0.02, 0.5], 4, [16, 400]),
  infusion('drug-adrenaline', 'µg/kg/min', [0.02, 0.5], 4, [10, 400]),
  infusion('drug-phenylephrine', 'µg/kg/min', [0.2, 1], 9, [40, 500]),
  infusion('drug-dopamine', 'µg/kg/min', [2, 20], 50, [800, 8000]),
  infusion('drug-dobutamine', 'µg/kg/min', [2, 20], 50, [800, 8000]),
  infusion('drug-remifentanil', 'µg/kg/min', [0.02, 0.3], 2, [20, 100]),
  infusion('drug-rocuronium', 'µg/kg/min', [5, 12], 40, [2000, 10_000]),
  infusion('drug-cisatracurium', 'µg/kg/min', [1, 2], 10, [250, 5000]),
  infusion('drug-propofol', 'mg/kg/h', [0.3, 12], 20, [5000, 20_000]),
  infusion('drug-dexmedetomidine', 'µg/kg/h', [0.2, 1.4], 3, [2, 10]),
  infusion('drug-ketamine', 'mg/kg/h', [0.1, 0.3], 2.5, [1000, 10_000]),
  infusion('drug-midazolam', 'mg/kg/h', [0.02, 0.1], 0.5, [500, 5000]),
];

export interface LocalAnaesthetic {
  readonly id: string;
  /** mg/kg and mg; the lower of the two holds. */
  readonly plain: readonly [perKg: number, total: number];
  readonly withAdrenaline: readonly [perKg: number, total: number];
  /** Of solutions for injection, %. */
  readonly strength: Strength;
}

export const LOCAL_ANAESTHETICS: readonly LocalAnaesthetic[] = [
  { id: 'drug-lidocaine', plain: [4.5, 300], withAdrenaline: [7, 500], strength: [0.25, 2] },
  { id: 'drug-ropivacaine', plain: [3, 200], withAdrenaline: [3, 200], strength: [0.08, 1] },
  { id: 'drug-bupivacaine', plain: [2, 150], withAdrenaline: [2.5, 150], strength: [0.06, 0.75] },
  { id: 'drug-levobupivacaine', plain: [2, 150], withAdrenaline: [2, 150], strength: [0.06, 0.75] },
  { id: 'drug-chloroprocaine', plain: [11, 800], withAdrenaline: [14, 1000], strength: [1, 3] },
];
