/** Known values, worked by hand: the arithmetic is in the comments. */
import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { anaesthetic } from '../../../src/dose/anaesthetic.ts';
import { allowableLoss, blood, bloodPerKg, bloodVolume } from '../../../src/dose/blood.ts';
import { bolus, microgramDose, milligramDose, volumeOf } from '../../../src/dose/bolus.ts';
import { decide } from '../../../src/dose/decision.ts';
import type { AmountName, Draft } from '../../../src/dose/draft.ts';
import { BOLUS_DRUGS, INFUSION_DRUGS, LOCAL_ANAESTHETICS } from '../../../src/dose/drugs.ts';
import { fluids, maintenanceRate } from '../../../src/dose/fluids.ts';
import {
  concentrationOf,
  doseRate,
  drugPerHour,
  infusionDose,
  infusionRate,
  pumpRate,
} from '../../../src/dose/infusion.ts';
import { bodyMassIndex, checkPatient, expectedWeight } from '../../../src/dose/patient.ts';
import type { Patient } from '../../../src/dose/patient.ts';
import {
  fromMicrogramsPerKgPerMinute,
  percentToMilligramsPerMillilitre,
  quantity,
  QuantityError,
  toMicrograms,
  toMicrogramsPerKgPerMinute,
  toMilligrams,
} from '../../../src/dose/units.ts';
import type { Milligrams, MilligramsPerHour, MillilitresPerHour } from '../../../src/dose/units.ts';
import { adjustedWeight, idealWeight, leanWeight, weights } from '../../../src/dose/weights.ts';

const patient = (
  change: { age?: number; weight?: number; height?: number | null; sex?: 'male' | 'female' } = {},
) => {
  const { age = 40, weight = 80, height = 178, sex = 'male' } = change;
  return {
    age: quantity(age, 'year'),
    weight: quantity(weight, 'kg'),
    height: height === null ? null : quantity(height, 'cm'),
    sex,
  } satisfies Patient;
};
const of = (draft: Draft, name: AmountName) => draft.results.find((amount) => amount.name === name)?.value;
const found = (draft: Draft) => draft.findings.map(({ severity, id }) => `${severity} ${id}`);
const bolusDrug = (id: string) => BOLUS_DRUGS.find((drug) => drug.id === id)!;
const infusionDrug = (id: string) => INFUSION_DRUGS.find((drug) => drug.id === id)!;
const agent = (id: string) => LOCAL_ANAESTHETICS.find((drug) => drug.id === id)!;

describe('quantities', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -0.0001])(
    '%d is refused where it is made',
    (value) => {
      expect(() => quantity(value, 'mg')).toThrow(QuantityError);
    },
  );

  test('division by zero is refused, not shown', () => {
    expect(() => volumeOf(quantity(5, 'mg'), quantity(0, 'mg/mL'))).toThrow(QuantityError);
    expect(() => concentrationOf(quantity(0, 'mg'), quantity(0, 'mL'))).toThrow(QuantityError);
    expect(() => pumpRate(quantity(1, 'µg/kg/min'), quantity(70, 'kg'), quantity(0, 'µg/mL'))).toThrow(
      QuantityError,
    );
    expect(() => quantity(Number.MAX_VALUE * 10, 'mg')).toThrow(QuantityError);
  });

  test('mg is not µg and mL/h is not mg/h: the compiler says so', () => {
    expectTypeOf<MillilitresPerHour>().not.toExtend<MilligramsPerHour>();
    expectTypeOf<MilligramsPerHour>().not.toExtend<MillilitresPerHour>();
    expectTypeOf<number>().not.toExtend<Milligrams>();
    // @ts-expect-error micrograms where milligrams are wanted
    volumeOf(quantity(5, 'µg'), quantity(1, 'mg/mL'));
    // @ts-expect-error mg/h where the pump's mL/h is wanted
    doseRate(quantity(5, 'mg/h'), quantity(70, 'kg'), quantity(80, 'µg/mL'));
    // @ts-expect-error µg/kg where mg/kg is wanted
    milligramDose(quantity(2, 'µg/kg'), quantity(70, 'kg'));
    // @ts-expect-error a height where a weight is wanted
    microgramDose(quantity(2, 'µg/kg'), quantity(170, 'cm'));
  });

  test('1 mg is 1000 µg; 1 % is 10 mg/mL', () => {
    expect(toMicrograms(quantity(1, 'mg'))).toBe(1000);
    expect(toMilligrams(quantity(1, 'µg'))).toBe(0.001);
    expect(percentToMilligramsPerMillilitre(quantity(0.25, '%'))).toBe(2.5);
  });

  test('dose rates there and back', () => {
    const units = fc.constantFrom('µg/kg/min' as const, 'µg/kg/h' as const, 'mg/kg/h' as const);
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e4, noNaN: true }), units, (value, unit) => {
        const there = fromMicrogramsPerKgPerMinute(quantity(value, 'µg/kg/min'), unit);
        const back = toMicrogramsPerKgPerMinute({ value: there, unit } as Parameters<
          typeof toMicrogramsPerKgPerMinute
        >[0]);
        expect(back / value).toBeCloseTo(1, 10);
      }),
    );
    // 6 mg/kg/h = 6000 µg/kg/h = 100 µg/kg/min
    expect(toMicrogramsPerKgPerMinute({ value: quantity(6, 'mg/kg/h'), unit: 'mg/kg/h' })).toBeCloseTo(
      100,
      10,
    );
    // 0.6 µg/kg/h = 0.01 µg/kg/min
    expect(toMicrogramsPerKgPerMinute({ value: quantity(0.6, 'µg/kg/h'), unit: 'µg/kg/h' })).toBeCloseTo(
      0.01,
      10,
    );
  });
});

describe('weights', () => {
  test('Devine: a man of 72 inches is 50 + 2.3 × 12 = 77.6 kg, a woman of 65 inches 45.5 + 2.3 × 5 = 57 kg', () => {
    expect(idealWeight('male', quantity(72 * 2.54, 'cm'))).toBeCloseTo(77.6, 10);
    expect(idealWeight('female', quantity(65 * 2.54, 'cm'))).toBeCloseTo(57, 10);
  });

  test('Janmahasatian: man, 100 kg, 200 cm', () => {
    // BMI = 100 / 2² = 25; 9270 × 100 / (6680 + 216 × 25) = 927000 / 12080 = 76.738…
    expect(bodyMassIndex(quantity(100, 'kg'), quantity(200, 'cm'))).toBe(25);
    expect(leanWeight('male', quantity(100, 'kg'), quantity(200, 'cm'))).toBeCloseTo(76.7384, 4);
    // Woman, 64 kg, 160 cm: BMI = 64 / 2.56 = 25; 9270 × 64 / (8780 + 244 × 25) = 593280 / 14880 = 39.8709…
    expect(leanWeight('female', quantity(64, 'kg'), quantity(160, 'cm'))).toBeCloseTo(39.871, 3);
  });

  test('adjusted: 60 + 0.4 × (110 − 60) = 80; at or below ideal the actual weight stays', () => {
    expect(adjustedWeight(quantity(110, 'kg'), quantity(60, 'kg'))).toBe(80);
    expect(adjustedWeight(quantity(50, 'kg'), quantity(60, 'kg'))).toBe(50);
  });

  test('lean is below actual, adjusted between ideal and actual, for any adult', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 140, max: 210 }),
        fc.integer({ min: 14, max: 60 }),
        fc.constantFrom('male' as const, 'female' as const),
        (height, bmi, sex) => {
          const weight = quantity(bmi * (height / 100) ** 2, 'kg');
          const ideal = idealWeight(sex, quantity(height, 'cm'));
          expect(leanWeight(sex, weight, quantity(height, 'cm'))).toBeLessThan(weight);
          const adjusted = adjustedWeight(weight, ideal);
          expect(adjusted).toBeGreaterThanOrEqual(Math.min(ideal, weight) - 1e-9);
          expect(adjusted).toBeLessThanOrEqual(weight);
        },
      ),
    );
  });

  test('children and unknown heights get no such weight', () => {
    expect(found(weights(patient({ age: 5, weight: 18, height: 110 })))).toContain('hard formula-for-adults');
    expect(weights(patient({ height: null })).results).toEqual([]);
  });
});

describe('8 kg or 80 kg', () => {
  test.each([
    ['a man of 8 kg', { age: 40, weight: 8, height: null }, 'hard weight-implausible'],
    ['a man of 800 kg', { age: 40, weight: 800, height: null }, 'hard weight-implausible'],
    ['a child of two with 80 kg', { age: 2, weight: 80, height: null }, 'hard weight-implausible'],
    ['a child of eight with 8 kg', { age: 8, weight: 8, height: null }, 'hard weight-implausible'],
    ['a newborn of 35 kg', { age: 0, weight: 35, height: null }, 'hard weight-implausible'],
    ['a woman of 35 kg', { age: 40, weight: 35, height: null }, 'soft weight-unusual'],
    ['a child of eight with 60 kg', { age: 8, weight: 60, height: null }, 'soft weight-unusual'],
    ['17.8 cm for 178', { age: 40, weight: 80, height: 17.8 }, 'hard height-implausible'],
    ['80 kg at 100 cm, BMI 80', { age: 40, weight: 80, height: 100 }, 'soft bmi-unusual'],
    ['an age of 400', { age: 400, weight: 80, height: null }, 'hard age-implausible'],
  ] as const)('%s', (_name, who, finding) => {
    const findings = checkPatient(patient(who)).map(({ severity, id }) => `${severity} ${id}`);
    expect(findings).toContain(finding);
  });

  test.each([
    ['a man of 80 kg', { age: 40, weight: 80, height: 178 }],
    ['a child of two with 12 kg', { age: 2, weight: 12, height: null }],
    ['an infant of six months with 8 kg', { age: 0.5, weight: 8, height: null }],
    ['a newborn of 3.4 kg', { age: 0, weight: 3.4, height: null }],
  ] as const)('%s passes', (_name, who) => {
    expect(checkPatient(patient(who))).toEqual([]);
  });

  test('APLS: 2 × 3 + 8 = 14 kg, 3 × 8 + 7 = 31 kg, 6 / 2 + 4 = 7 kg', () => {
    expect(expectedWeight(quantity(3, 'year'))).toBe(14);
    expect(expectedWeight(quantity(8, 'year'))).toBe(31);
    expect(expectedWeight(quantity(0.5, 'year'))).toBe(7);
  });

  test('an adult of a tenth of the weight is refused, whatever is calculated', () => {
    const small = patient({ weight: 8, height: null });
    const drafts = [
      fluids(small),
      blood({ patient: small, start: quantity(140, 'g/L'), lowest: quantity(80, 'g/L') }),
      bolus({
        patient: small,
        scalar: 'actual',
        drug: bolusDrug('drug-propofol'),
        dose: { value: quantity(2, 'mg/kg'), unit: 'mg/kg' },
        concentration: quantity(10, 'mg/mL'),
      }),
    ];
    for (const draft of drafts) expect(decide(draft).verdict).toBe('refused');
  });
});

describe('bolus', () => {
  const propofol = (dose: number, change: Parameters<typeof patient>[0] = {}) =>
    bolus({
      patient: patient(change),
      scalar: 'actual',
      drug: bolusDrug('drug-propofol'),
      dose: { value: quantity(dose, 'mg/kg'), unit: 'mg/kg' },
      concentration: quantity(10, 'mg/mL'),
    });
  const fentanyl = (dose: number) =>
    bolus({
      patient: patient(),
      scalar: 'actual',
      drug: bolusDrug('drug-fentanyl'),
      dose: { value: quantity(dose, 'µg/kg'), unit: 'µg/kg' },
      concentration: quantity(0.05, 'mg/mL'),
    });

  test('propofol 2 mg/kg × 80 kg = 160 mg; ÷ 10 mg/mL = 16 mL', () => {
    const draft = propofol(2);
    expect(of(draft, 'dose')).toBe(160);
    expect(of(draft, 'volume')).toBe(16);
    expect(draft.worked).toEqual(['2 mg/kg × 80 kg = 160 mg', '160 mg ÷ 10 mg/mL = 16 mL']);
    expect(decide(draft).verdict).toBe('clear');
  });

  test('fentanyl 2 µg/kg × 80 kg = 160 µg = 0.16 mg; ÷ 0.05 mg/mL = 3.2 mL', () => {
    const draft = fentanyl(2);
    expect(of(draft, 'dose')).toBe(160);
    expect(draft.results.find(({ name }) => name === 'dose')?.unit).toBe('µg');
    expect(of(draft, 'volume')).toBeCloseTo(3.2, 10);
  });

  test('by lean weight: 100 kg at 200 cm, 1 mg/kg × 76.738 kg', () => {
    const draft = bolus({
      patient: patient({ weight: 100, height: 200 }),
      scalar: 'lean',
      drug: bolusDrug('drug-propofol'),
      dose: { value: quantity(1, 'mg/kg'), unit: 'mg/kg' },
      concentration: quantity(10, 'mg/mL'),
    });
    expect(of(draft, 'weight-used')).toBeCloseTo(76.7384, 4);
    expect(of(draft, 'dose')).toBeCloseTo(76.7384, 4);
  });

  test('ten times: 20 mg/kg of propofol is refused, 0.2 wants a reason', () => {
    expect(found(propofol(20))).toContain('hard dose-refused');
    expect(found(propofol(0.2))).toContain('soft dose-below-usual');
  });

  test('mg for µg: 2 mg/kg of fentanyl is 2000 µg/kg, refused', () => {
    expect(found(fentanyl(2000))).toContain('hard dose-refused');
  });

  test('every drug: ten times the top of its usual range is refused', () => {
    for (const drug of [...BOLUS_DRUGS, ...INFUSION_DRUGS]) {
      expect(drug.refuse, drug.id).toBeLessThan(10 * drug.usual[1]);
      expect(drug.refuse, drug.id).toBeGreaterThanOrEqual(drug.usual[1]);
      expect(drug.usual[0], drug.id).toBeGreaterThan(0);
      expect(drug.usual[0], drug.id).toBeLessThan(drug.usual[1]);
    }
  });

  test('a drug is judged in its own unit only', () => {
    expect(() =>
      bolus({
        patient: patient(),
        scalar: 'actual',
        drug: bolusDrug('drug-fentanyl'),
        dose: { value: quantity(2, 'mg/kg'), unit: 'mg/kg' },
        concentration: quantity(0.05, 'mg/mL'),
      }),
    ).toThrow(TypeError);
  });

  test('a drug without limits wants a reason; a solution of nothing is refused', () => {
    const other = (concentration: number) =>
      bolus({
        patient: patient(),
        scalar: 'actual',
        drug: null,
        dose: { value: quantity(1, 'mg/kg'), unit: 'mg/kg' },
        concentration: quantity(concentration, 'mg/mL'),
      });
    expect(found(other(10))).toEqual(['soft no-limit-known']);
    expect(decide(other(0)).verdict).toBe('refused');
  });
});

describe('what is asked of a weight that cannot be', () => {
  test.each([
    ['800 kg', { age: 40, weight: 800, height: null }, [80]],
    ['8 kg, grown up', { age: 40, weight: 8, height: null }, [80]],
    ['0.65 kg, grown up', { age: 40, weight: 0.65, height: null }, [65]],
    ['6500 kg', { age: 40, weight: 6500, height: null }, [65]],
    ['180 kg at five', { age: 5, weight: 180, height: null }, [18]],
    ['80 kg at two', { age: 2, weight: 80, height: null }, [8]],
    ['140 kg, in jin 70', { age: 40, weight: 140, height: null }, [70]],
    ['40 kg at five, in jin 20', { age: 5, weight: 40, height: null }, [20]],
    ['3400 kg at birth, in grams', { age: 0, weight: 3400, height: null }, [3.4]],
    ['70 kg at five: no slip of the point, perhaps of the age', { age: 5, weight: 70, height: null }, []],
  ] as const)('%s', (_name, of, meant) => {
    expect(checkPatient(patient(of))[0]?.meant).toEqual(meant);
  });

  test('a weight of nought is one error, and nothing that follows from it', () => {
    const nought = patient({ weight: 0 });
    const drafts = [
      bolus({
        patient: nought,
        scalar: 'ideal',
        drug: bolusDrug('drug-propofol'),
        dose: { value: quantity(2, 'mg/kg'), unit: 'mg/kg' },
        concentration: quantity(10, 'mg/mL'),
      }),
      infusionRate({
        patient: nought,
        drug: infusionDrug('drug-noradrenaline'),
        amount: quantity(4, 'mg'),
        volume: quantity(50, 'mL'),
        dose: { value: quantity(0.1, 'µg/kg/min'), unit: 'µg/kg/min' },
      }),
      anaesthetic({
        patient: nought,
        agent: agent('drug-lidocaine'),
        withAdrenaline: false,
        concentration: quantity(2, '%'),
        alreadyGiven: quantity(0, 'mg'),
      }),
      blood({ patient: nought, start: quantity(140, 'g/L'), lowest: quantity(100, 'g/L') }),
      fluids(nought),
      weights(nought),
    ];
    for (const draft of drafts) {
      expect(found(draft)).toEqual(['hard weight-zero']);
      expect(decide(draft).verdict).toBe('refused');
    }
  });

  test('nor is a volume or a total that follows from an impossible weight told', () => {
    const draft = bolus({
      patient: patient({ weight: 800 }),
      scalar: 'actual',
      drug: bolusDrug('drug-propofol'),
      dose: { value: quantity(2, 'mg/kg'), unit: 'mg/kg' },
      concentration: quantity(10, 'mg/mL'),
    });
    expect(found(draft)).toEqual(['hard weight-implausible']);
  });
});

describe('the syringe', () => {
  const unusual = (draft: Draft) => draft.findings.filter(({ id }) => id === 'strength-unusual');
  const drawn = (drug: (typeof BOLUS_DRUGS)[number], concentration: number, who = patient()) =>
    bolus({
      patient: who,
      scalar: 'actual',
      drug,
      dose: { value: quantity(drug.usual[0], drug.unit), unit: drug.unit } as Parameters<
        typeof bolus
      >[0]['dose'],
      concentration: quantity(concentration, 'mg/mL'),
    });

  test.each(BOLUS_DRUGS.map((drug) => [drug.id, drug] as const))(
    '%s: its strengths pass, ten times off either way wants a look and is not shown before',
    (_id, drug) => {
      const [weakest, strongest] = drug.strength;
      for (const value of drug.strength) expect(unusual(drawn(drug, value)), `${value}`).toEqual([]);
      for (const [slip, meant] of [
        [strongest * 10, strongest],
        [weakest / 10, weakest],
      ] as const) {
        const [finding] = unusual(drawn(drug, slip));
        expect(
          finding?.meant?.some((value) => Math.abs(value - meant) < 1e-9 * meant),
          `${slip}`,
        ).toBe(true);
        expect(decide(drawn(drug, slip)).verdict).not.toBe('clear');
      }
    },
  );

  test('µg/mL typed as mg/mL: fentanyl 50 for 0.05, told with what was meant', () => {
    const draft = drawn(bolusDrug('drug-fentanyl'), 50);
    expect(found(draft)).toContain('soft strength-unusual');
    expect(decide(draft).verdict).toBe('needs-reason');
    expect(unusual(drawn(bolusDrug('drug-fentanyl'), 0.5))[0]?.meant).toEqual([0.05]);
  });

  test('a tenth of the strength is ten times the volume: for a child too it wants a look', () => {
    const child = patient({ age: 4, weight: 15, height: null });
    for (const drug of BOLUS_DRUGS)
      expect(unusual(drawn(drug, drug.strength[0] / 10, child)), drug.id).toHaveLength(1);
  });

  test('dantrolene 2.5 mg/kg × 70 kg ÷ 0.333 mg/mL is 525 mL and is not refused', () => {
    const dantrolene = (dose: number, concentration: number) =>
      bolus({
        patient: patient({ weight: 70, height: null }),
        scalar: 'actual',
        drug: bolusDrug('drug-dantrolene'),
        dose: { value: quantity(dose, 'mg/kg'), unit: 'mg/kg' },
        concentration: quantity(concentration, 'mg/mL'),
      });
    expect(of(dantrolene(2.5, 1 / 3), 'volume')).toBeCloseTo(525, 9);
    expect(decide(dantrolene(2.5, 1 / 3)).verdict).toBe('clear');
    expect(decide(dantrolene(25, 1 / 3)).verdict).toBe('refused');
    expect(decide(dantrolene(2.5, 1 / 30)).verdict).toBe('refused');
  });

  test.each(INFUSION_DRUGS.map((drug) => [drug.id, drug] as const))(
    '%s: ten times off in the dilution is told, whichever way the pump is asked',
    (_id, drug) => {
      const [weakest, strongest] = drug.strength;
      const drafts = (microgramsPerMillilitre: number) => {
        const dilution = {
          patient: patient(),
          drug,
          amount: quantity((microgramsPerMillilitre * 50) / 1000, 'mg'),
          volume: quantity(50, 'mL'),
        };
        return [
          infusionRate({
            ...dilution,
            dose: { value: quantity(drug.usual[1], drug.unit), unit: drug.unit } as Parameters<
              typeof infusionRate
            >[0]['dose'],
          }),
          infusionDose({ ...dilution, rate: quantity(10, 'mL/h'), unit: drug.unit }),
        ];
      };
      for (const value of drug.strength)
        for (const draft of drafts(value)) expect(unusual(draft), `${value}`).toEqual([]);
      for (const slip of [strongest * 10, weakest / 10])
        for (const draft of drafts(slip)) expect(unusual(draft), `${slip}`).toHaveLength(1);
    },
  );

  test.each(LOCAL_ANAESTHETICS.map((drug) => [drug.id, drug] as const))(
    '%s: a tenth of its weakest solution would be ten times the volume, and is never shown at once',
    (_id, drug) => {
      const draft = (percent: number, who = patient({ height: null })) =>
        anaesthetic({
          patient: who,
          agent: drug,
          withAdrenaline: false,
          concentration: quantity(percent, '%'),
          alreadyGiven: quantity(0, 'mg'),
        });
      for (const value of drug.strength) expect(found(draft(value))).toEqual([]);
      for (const slip of [drug.strength[0] / 10, drug.strength[1] * 10]) {
        expect(decide(draft(slip)).verdict).not.toBe('clear');
        expect(decide(draft(slip, patient({ age: 4, weight: 16, height: null }))).verdict).not.toBe('clear');
      }
    },
  );

  test('bupivacaine 0.05 for 0.5 %', () => {
    const draft = anaesthetic({
      patient: patient({ height: null }),
      agent: agent('drug-bupivacaine'),
      withAdrenaline: false,
      concentration: quantity(0.05, '%'),
      alreadyGiven: quantity(0, 'mg'),
    });
    expect(unusual(draft)[0]?.meant).toEqual([0.5]);
  });
});

describe('whom it is for', () => {
  const given = (
    id: string,
    dose: number,
    who: Parameters<typeof patient>[0],
    scalar: 'actual' | 'ideal' = 'actual',
  ) => {
    const drug = bolusDrug(id);
    return found(
      bolus({
        patient: patient(who),
        scalar,
        drug,
        dose: { value: quantity(dose, drug.unit), unit: drug.unit } as Parameters<typeof bolus>[0]['dose'],
        concentration: quantity(drug.strength[1], 'mg/mL'),
      }),
    );
  };

  test('2.5 mg/kg of propofol is usual at forty and not at eighty', () => {
    expect(given('drug-propofol', 2.5, { age: 40 })).toEqual([]);
    expect(given('drug-propofol', 2.5, { age: 80 })).toEqual(['soft dose-above-elderly']);
    expect(given('drug-propofol', 1, { age: 80 })).toEqual([]);
  });

  test('1 µg/kg of adrenaline passes, ten times that is for an arrest and wants a reason', () => {
    const child = { age: 5, weight: 18, height: null };
    expect(given('drug-adrenaline', 1, child)).not.toContain('soft dose-above-usual');
    expect(given('drug-adrenaline', 10, child)).toContain('soft dose-above-usual');
    expect(given('drug-adrenaline', 100, child)).toContain('hard dose-refused');
  });

  test('rocuronium by the actual weight of a man of BMI 38 wants a reason, by the ideal one not', () => {
    const large = { weight: 110, height: 170 }; // 110 ÷ 1.7² = 38.06
    expect(given('drug-rocuronium', 0.6, large)).toEqual(['soft weight-of-the-obese']);
    expect(given('drug-rocuronium', 0.6, large, 'ideal')).toEqual([]);
    expect(given('drug-succinylcholine', 1, large)).toEqual([]);
  });

  test('140 jin typed as kilograms does not pass in silence, with a height or without', () => {
    for (const height of [null, 170])
      expect(checkPatient(patient({ weight: 140, height })).map(({ id }) => id)).toContain('weight-unusual');
    // A woman of 110 jin and 160 cm: the build gives it away.
    expect(checkPatient(patient({ sex: 'female', weight: 110, height: 160 })).map(({ id }) => id)).toEqual([
      'bmi-unusual',
    ]);
  });
});

describe('infusion', () => {
  const noradrenaline = (dose: number, weight = 70) =>
    infusionRate({
      patient: patient({ weight }),
      drug: infusionDrug('drug-noradrenaline'),
      amount: quantity(4, 'mg'),
      volume: quantity(50, 'mL'),
      dose: { value: quantity(dose, 'µg/kg/min'), unit: 'µg/kg/min' },
    });

  test('noradrenaline 4 mg in 50 mL, 0.1 µg/kg/min, 70 kg', () => {
    // 4000 µg ÷ 50 mL = 80 µg/mL; 0.1 × 70 × 60 ÷ 80 = 420 ÷ 80 = 5.25 mL/h; 5.25 × 80 ÷ 1000 = 0.42 mg/h
    const draft = noradrenaline(0.1);
    expect(of(draft, 'concentration')).toBe(80);
    expect(of(draft, 'pump-rate')).toBeCloseTo(5.25, 10);
    expect(of(draft, 'drug-per-hour')).toBeCloseTo(0.42, 10);
    expect(draft.worked.at(-1)).toBe('0.1 µg/kg/min × 70 kg × 60 ÷ 80 µg/mL = 5.25 mL/h');
    expect(found(draft)).toEqual([]);
  });

  test('what a pump gives in mg is not what is set on it in mL', () => {
    expect(drugPerHour(quantity(5.25, 'mL/h'), quantity(80, 'µg/mL'))).toBeCloseTo(0.42, 10);
  });

  test('propofol 6 mg/kg/h, 1000 mg in 100 mL, 70 kg: 6 × 70 ÷ 10 = 42 mL/h', () => {
    const draft = infusionRate({
      patient: patient({ weight: 70 }),
      drug: infusionDrug('drug-propofol'),
      amount: quantity(1000, 'mg'),
      volume: quantity(100, 'mL'),
      dose: { value: quantity(6, 'mg/kg/h'), unit: 'mg/kg/h' },
    });
    expect(of(draft, 'pump-rate')).toBeCloseTo(42, 10);
  });

  test('dexmedetomidine 0.5 µg/kg/h, 0.2 mg in 50 mL, 80 kg: 0.5 × 80 ÷ 4 = 10 mL/h', () => {
    const draft = infusionRate({
      patient: patient(),
      drug: infusionDrug('drug-dexmedetomidine'),
      amount: quantity(0.2, 'mg'),
      volume: quantity(50, 'mL'),
      dose: { value: quantity(0.5, 'µg/kg/h'), unit: 'µg/kg/h' },
    });
    expect(of(draft, 'pump-rate')).toBeCloseTo(10, 10);
  });

  test('ten times is told, a hundred times refused', () => {
    expect(found(noradrenaline(1))).toContain('soft dose-above-usual');
    expect(decide(noradrenaline(10)).verdict).toBe('refused');
    expect(found(noradrenaline(0.01))).toContain('soft dose-below-usual');
  });

  test('mg for µg in the syringe, both ways, is refused by the rate', () => {
    const mixed = (milligrams: number) =>
      infusionRate({
        patient: patient({ weight: 70 }),
        drug: infusionDrug('drug-noradrenaline'),
        amount: quantity(milligrams, 'mg'),
        volume: quantity(50, 'mL'),
        dose: { value: quantity(0.1, 'µg/kg/min'), unit: 'µg/kg/min' },
      });
    expect(decide(mixed(0.004)).verdict).toBe('refused'); // 5250 mL/h
    expect(decide(mixed(4000)).verdict).toBe('refused'); // 0.00525 mL/h
    expect(decide(mixed(0)).verdict).toBe('refused');
  });

  test('the other way: 5.25 mL/h of it is 0.1 µg/kg/min', () => {
    const draft = infusionDose({
      patient: patient({ weight: 70 }),
      drug: infusionDrug('drug-noradrenaline'),
      amount: quantity(4, 'mg'),
      volume: quantity(50, 'mL'),
      rate: quantity(5.25, 'mL/h'),
      unit: 'µg/kg/min',
    });
    // 5.25 × 80 ÷ 70 ÷ 60 = 420 ÷ 4200 = 0.1
    expect(of(draft, 'dose-rate')).toBeCloseTo(0.1, 10);
  });

  test('round trips', () => {
    const positive = (max: number) => fc.double({ min: 0.001, max, noNaN: true });
    fc.assert(
      fc.property(positive(1000), positive(300), positive(20000), (dose, weight, concentration) => {
        const kg = quantity(weight, 'kg');
        const solution = quantity(concentration, 'µg/mL');
        const rate = pumpRate(quantity(dose, 'µg/kg/min'), kg, solution);
        expect(doseRate(rate, kg, solution) / dose).toBeCloseTo(1, 9);
        // Twice the dose, twice the rate; twice the solution, half the rate.
        expect(pumpRate(quantity(2 * dose, 'µg/kg/min'), kg, solution) / rate).toBeCloseTo(2, 9);
        expect(
          pumpRate(quantity(dose, 'µg/kg/min'), kg, quantity(2 * concentration, 'µg/mL')) / rate,
        ).toBeCloseTo(0.5, 9);
      }),
    );
  });
});

describe('local anaesthetic', () => {
  const most = (change: Partial<Parameters<typeof anaesthetic>[0]> = {}) =>
    anaesthetic({
      patient: patient({ weight: 60, height: null }),
      agent: agent('drug-lidocaine'),
      withAdrenaline: false,
      concentration: quantity(2, '%'),
      alreadyGiven: quantity(0, 'mg'),
      ...change,
    });

  test('lidocaine plain: 4.5 × 60 = 270 mg, below 300; 270 ÷ 20 mg/mL = 13.5 mL', () => {
    const draft = most();
    expect(of(draft, 'maximum-dose')).toBe(270);
    expect(of(draft, 'remaining-volume')).toBe(13.5);
  });

  test('the whole maximum holds: 4.5 × 80 = 360 > 300 mg; with adrenaline 7 × 80 = 560 > 500 mg', () => {
    const heavy = patient({ height: null });
    expect(of(most({ patient: heavy }), 'maximum-dose')).toBe(300);
    expect(of(most({ patient: heavy, withAdrenaline: true }), 'maximum-dose')).toBe(500);
  });

  test('the lower weight holds: woman, 100 kg, 65 inches, ideal 57 kg; bupivacaine 2 × 57 = 114 mg', () => {
    const draft = most({
      patient: patient({ sex: 'female', weight: 100, height: 165.1 }),
      agent: agent('drug-bupivacaine'),
      concentration: quantity(0.5, '%'),
    });
    expect(of(draft, 'weight-used')).toBeCloseTo(57, 10);
    expect(of(draft, 'maximum-dose')).toBeCloseTo(114, 10);
    expect(of(draft, 'remaining-volume')).toBeCloseTo(22.8, 10); // 114 ÷ 5
  });

  test('what was given counts: 270 − 100 = 170 mg, 8.5 mL; at the maximum there is no more', () => {
    expect(of(most({ alreadyGiven: quantity(100, 'mg') }), 'remaining-volume')).toBe(8.5);
    expect(decide(most({ alreadyGiven: quantity(270, 'mg') })).verdict).toBe('refused');
  });

  test('20 for 2 %, or mg/mL in the field of per cent, is refused', () => {
    expect(decide(most({ concentration: quantity(20, '%') })).verdict).toBe('refused');
    expect(decide(most({ concentration: quantity(0, '%') })).verdict).toBe('refused');
  });
});

describe('blood', () => {
  test('Gross: man, 80 kg, 140 to 100 g/L', () => {
    // EBV = 75 × 80 = 6000 mL; 6000 × (140 − 100) ÷ 120 = 240000 ÷ 120 = 2000 mL
    const draft = blood({ patient: patient(), start: quantity(140, 'g/L'), lowest: quantity(100, 'g/L') });
    expect(of(draft, 'blood-volume')).toBe(6000);
    expect(of(draft, 'allowable-loss')).toBeCloseTo(2000, 9);
    expect(decide(draft).verdict).toBe('clear');
  });

  test('newborn 85, infant 80, child 75, woman 65, man 75 mL/kg', () => {
    const perKg = (age: number, sex: 'male' | 'female' = 'female') =>
      bloodPerKg({ age: quantity(age, 'year'), sex });
    expect([perKg(0), perKg(0.5), perKg(6), perKg(30), perKg(30, 'male')]).toEqual([85, 80, 75, 65, 75]);
  });

  test('g/dL in the field of g/L, and a lowest above the first, are refused', () => {
    const verdict = (start: number, lowest: number) =>
      decide(blood({ patient: patient(), start: quantity(start, 'g/L'), lowest: quantity(lowest, 'g/L') }))
        .verdict;
    expect(verdict(14, 10)).toBe('refused');
    expect(verdict(140, 10)).toBe('refused');
    expect(verdict(100, 140)).toBe('refused');
    expect(verdict(100, 100)).toBe('refused');
    expect(verdict(140, 60)).toBe('needs-reason');
  });

  test('loss grows with the span and is less than twice the blood', () => {
    fc.assert(
      fc.property(fc.integer({ min: 31, max: 250 }), fc.integer({ min: 1, max: 100 }), (start, span) => {
        const volume = bloodVolume(quantity(70, 'mL/kg'), quantity(70, 'kg'));
        const lowest = Math.max(1, start - span);
        const loss = allowableLoss(volume, quantity(start, 'g/L'), quantity(lowest, 'g/L'));
        expect(loss).toBeGreaterThan(0);
        expect(loss).toBeLessThan(2 * volume);
      }),
    );
  });
});

describe('maintenance', () => {
  test.each([
    [8, 32], // 4 × 8
    [10, 40],
    [15, 50], // 40 + 2 × 5
    [20, 60],
    [25, 65], // 60 + 1 × 5
    [80, 120], // 60 + 60
  ])('%d kg: %d mL/h', (weight, rate) => {
    expect(maintenanceRate(quantity(weight, 'kg'))).toBe(rate);
  });

  test('never falls with weight', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 200, noNaN: true }),
        fc.double({ min: 0, max: 20, noNaN: true }),
        (kg, more) => {
          expect(maintenanceRate(quantity(kg + more, 'kg'))).toBeGreaterThanOrEqual(
            maintenanceRate(quantity(kg, 'kg')),
          );
        },
      ),
    );
  });

  test('a newborn wants a reason', () => {
    expect(found(fluids(patient({ age: 0, weight: 3.4, height: null })))).toEqual(['soft neonate-fluids']);
  });
});

describe('decisions', () => {
  const soft = fluids(patient({ age: 0, weight: 3.4, height: null }));

  test('results are out of reach until a reason is given', () => {
    const decision = decide(soft);
    if (decision.verdict !== 'needs-reason') throw new Error(decision.verdict);
    expect('results' in decision.withheld).toBe(false);
    for (const blank of ['', '  ', '\n', '好']) expect(decision.acknowledge(blank)).toBeNull();
    const released = decision.acknowledge(' 已与上级核对 ');
    expect(released?.reason).toBe('已与上级核对');
    expect(released && of(released, 'maintenance-rate')).toBeCloseTo(13.6, 10);
  });

  test('a refused draft has no results at all', () => {
    const decision = decide(fluids(patient({ weight: 8, height: null })));
    expect(decision.verdict).toBe('refused');
    expect(JSON.stringify(decision)).not.toContain('maintenance-rate');
  });
});
