/** The shell's logic without a page. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRateMeter } from '../../../src/platform/rate.ts';
import { browserOf, findDeviceProblem, isLinux } from '../../../src/ui/device/problem.ts';
import { formatReport } from '../../../src/ui/device/report.ts';
import { formatBytes, formatCount, formatSeconds } from '../../../src/ui/format.ts';
import { groupByDay, startOfDay } from '../../../src/ui/history/groups.ts';
import { offlineState } from '../../../src/ui/history/offlineState.ts';
import { exportFileName } from '../../../src/ui/history/transfer.ts';
import { markExcerpt } from '../../../src/ui/search/excerpt.ts';
import { formatKeys, matchesKeys } from '../../../src/ui/shortcuts/keys.ts';
import type { KeyPress } from '../../../src/ui/shortcuts/keys.ts';
import type { Conversation } from '../../../src/shared/types.ts';
import type { DeviceReport, EngineState } from '../../../src/state/types.ts';

const conversation = (id: string, updatedAt: number, pinned = false): Conversation => ({
  id,
  title: id,
  createdAt: updatedAt,
  updatedAt,
  pinned,
  deletedAt: null,
  activeLeafId: null,
  systemPrompt: null,
  sampling: null,
  draft: '',
  sources: true,
});

describe('groups of the sidebar', () => {
  const labels = { pinned: '置顶', today: '今天', yesterday: '昨天' };
  const now = new Date(2026, 0, 2, 0, 30).getTime();
  const at = (...parts: [number, number, number, number, number]) => new Date(...parts).getTime();

  test('pinned, today, yesterday, a day of last year; midnight divides', () => {
    const rows = groupByDay(
      [
        conversation('pin', at(2020, 1, 1, 1, 1), true),
        conversation('a', at(2026, 0, 2, 0, 1)),
        conversation('b', at(2026, 0, 1, 23, 59)),
        conversation('c', at(2025, 11, 31, 12, 0)),
        conversation('d', at(2025, 11, 31, 8, 0)),
      ],
      now,
      'zh-CN',
      labels,
    );
    expect(rows.map((row) => (row.type === 'heading' ? `# ${row.label}` : row.key))).toEqual([
      '# 置顶',
      'pin',
      '# 今天',
      'a',
      '# 昨天',
      'b',
      '# 2025年12月31日',
      'c',
      'd',
    ]);
  });

  test('a clock that was set back puts nothing in the future', () => {
    const rows = groupByDay(
      [conversation('a', now + 5 * 86_400_000), conversation('b', now)],
      now,
      'zh-CN',
      labels,
    );
    expect(rows.filter((row) => row.type === 'heading').map((row) => row.label)).toEqual(['今天']);
  });

  test('every conversation once, in order, keys unique, whatever the times', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: now + 1e9 }), { maxLength: 60 }), (times) => {
        const list = times.toSorted((a, b) => b - a).map((time, index) => conversation(`c${index}`, time));
        const rows = groupByDay(list, now, 'en', labels);
        expect(rows.filter((row) => row.type === 'conversation').map((row) => row.key)).toEqual(
          list.map(({ id }) => id),
        );
        expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
      }),
    );
  });

  test('a day starts at local midnight', () => {
    expect(startOfDay(at(2026, 2, 29, 13, 0), -1)).toBe(at(2026, 2, 28, 0, 0));
  });
});

describe('keys', () => {
  const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
    key,
    code: /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : key,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    shiftKey: false,
    ...more,
  });

  test('are written as the device prints them', () => {
    expect(formatKeys('mod+alt+n', false)).toBe('Ctrl Alt N');
    expect(formatKeys('mod+alt+n', true)).toBe('⌘⌥N');
    expect(formatKeys('escape', false)).toBe('Esc');
  });

  test('letters match by place: Option turns n into a dead key', () => {
    const dead = press('Dead', { code: 'KeyN', metaKey: true, altKey: true });
    expect(matchesKeys(dead, 'mod+alt+n', true)).toBe(true);
    expect(matchesKeys(dead, 'mod+alt+n', false)).toBe(false);
  });

  test('signs match by character, with or without Shift, full-width too', () => {
    expect(matchesKeys(press('?', { shiftKey: true }), '?', false)).toBe(true);
    expect(matchesKeys(press('？', { shiftKey: true }), '?', false)).toBe(true);
    expect(matchesKeys(press('/'), '/', false)).toBe(true);
    expect(matchesKeys(press('?', { shiftKey: true }), '/', false)).toBe(false);
  });

  test('a modifier more or less is another combination', () => {
    expect(matchesKeys(press('n', { ctrlKey: true }), 'mod+alt+n', false)).toBe(false);
    expect(matchesKeys(press('n', { ctrlKey: true, altKey: true, shiftKey: true }), 'mod+alt+n', false)).toBe(
      false,
    );
    expect(matchesKeys(press('Escape'), 'escape', false)).toBe(true);
    expect(matchesKeys(press('i', { ctrlKey: true }), 'i', false)).toBe(false);
  });
});

test('excerpts: the parts are the text, whatever the ranges', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.array(fc.tuple(fc.integer({ min: -5, max: 40 }), fc.integer({ min: -5, max: 40 }))),
      (text, matches) => {
        const sorted = matches.toSorted(([a], [b]) => a - b);
        expect(
          markExcerpt(text, sorted)
            .map((part) => part.text)
            .join(''),
        ).toBe(text);
      },
    ),
  );
  expect(
    markExcerpt('低血压与高血压', [
      [1, 3],
      [5, 7],
    ]),
  ).toEqual([
    { text: '低', isMatch: false },
    { text: '血压', isMatch: true },
    { text: '与高', isMatch: false },
    { text: '血压', isMatch: true },
  ]);
});

describe('the offline pill tells the truth', () => {
  const facts = { online: true, servedLocally: false, shellKept: true, modelKept: true, modelLoaded: true };
  test.each([
    [{}, 'ready'],
    [{ modelKept: false }, 'online'],
    [{ shellKept: false }, 'online'],
    [{ modelKept: false, servedLocally: true }, 'local'],
    [{ online: false }, 'working'],
    [{ online: false, modelKept: false, servedLocally: true }, 'working'],
    [{ online: false, modelKept: false }, 'memory'],
    [{ online: false, shellKept: false }, 'memory'],
    [{ online: false, modelKept: false, modelLoaded: false }, 'stranded'],
  ])('%o', (change, expected) => {
    expect(offlineState({ ...facts, ...change })).toBe(expected);
  });
});

describe('the device', () => {
  const idle: EngineState = { phase: 'idle' };
  const device: DeviceReport = {
    userAgent: 'UA',
    hasWebGpu: true,
    isSecureContext: true,
    adapter: {
      vendor: 'intel',
      architecture: 'gen-12lp',
      description: '',
      isFallback: false,
      features: ['timestamp-query', 'shader-f16'],
      limits: { maxBufferSize: 2_147_483_648 },
    },
    hardwareConcurrency: 8,
    deviceMemoryGiB: null,
  };

  test('names the first thing that is missing', () => {
    expect(findDeviceProblem(null, idle)).toBeNull();
    expect(findDeviceProblem(device, idle)).toBeNull();
    expect(findDeviceProblem({ ...device, adapter: null }, idle)).toBe('no-adapter');
    expect(findDeviceProblem({ ...device, hasWebGpu: false, adapter: null }, idle)).toBe('no-webgpu');
    expect(findDeviceProblem({ ...device, hasWebGpu: false, isSecureContext: false }, idle)).toBe('insecure');
    const failed = (
      code: 'webgpu-too-weak' | 'shader-f16-missing' | 'package-file-corrupt',
    ): EngineState => ({
      phase: 'failed',
      packageId: 'p',
      error: { code, detail: {} },
    });
    expect(findDeviceProblem(device, failed('webgpu-too-weak'))).toBe('too-weak');
    expect(findDeviceProblem(device, failed('shader-f16-missing'))).toBe('no-f16');
    expect(findDeviceProblem(device, failed('package-file-corrupt'))).toBeNull();
  });

  const webKit = 'AppleWebKit/537.36 (KHTML, like Gecko)';
  const linux = `Mozilla/5.0 (X11; Linux x86_64) ${webKit}`;
  const windows = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webKit}`;
  const iphone =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)';
  const brands = (...names: string[]) => names.map((brand) => ({ brand }));

  test.each([
    ['chrome', `${windows} Chrome/146.0.0.0 Safari/537.36`, null],
    [
      'chrome',
      `${windows} Chrome/146.0.0.0 Safari/537.36`,
      brands('Not:A-Brand', 'Chromium', 'Google Chrome'),
    ],
    ['chrome', `${linux} HeadlessChrome/146.0.0.0 Safari/537.36`, null],
    [
      'chrome',
      `${linux} HeadlessChrome/146.0.0.0 Safari/537.36`,
      brands('HeadlessChrome', 'Not)A;Brand', 'Chromium'),
    ],
    ['chrome', `${linux} Ubuntu Chromium/146.0.0.0 Chrome/146.0.0.0 Safari/537.36`, null],
    ['chrome', `${linux} Chrome/146.0.0.0 Safari/537.36`, brands('Chromium', 'Not_A Brand')],
    ['chrome', `${iphone} CriOS/146.0 Mobile/15E148 Safari/604.1`, null],
    ['edge', `${windows} Chrome/146.0.0.0 Safari/537.36 Edg/146.0.0.0`, null],
    // Some send the user agent of Chrome: the brands tell.
    [
      'edge',
      `${windows} Chrome/146.0.0.0 Safari/537.36`,
      brands('Chromium', 'Microsoft Edge', 'Not_A Brand'),
    ],
    ['edge', `${iphone} Version/18.0 EdgiOS/146.0 Mobile/15E148 Safari/604.1`, null],
    ['firefox', 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', null],
    ['firefox', `${iphone} FxiOS/145.0 Mobile/15E148 Safari/604.1`, null],
    [
      'safari',
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
      null,
    ],
    ['other', 'curl/8.5.0', null],
  ] as const)('knows %s by %s', (name, userAgent, known) => {
    expect(browserOf({ userAgent, ...(known ? { userAgentData: { brands: known } } : {}) })).toBe(name);
  });

  test('knows Linux from Android', () => {
    expect(isLinux(linux)).toBe(true);
    expect(isLinux('Mozilla/5.0 (Linux; Android 16) Chrome/146')).toBe(false);
  });

  test('the report says what decides, in a fixed order', () => {
    const text = formatReport(device, idle, '0.1.0', new Date(0));
    expect(text).toContain('Adapter: intel · gen-12lp\n');
    expect(text).toContain('Features: shader-f16, timestamp-query\n');
    expect(text).toContain('maxBufferSize: 2147483648\n');
    expect(formatReport(null, idle, '0.1.0', new Date(0))).toContain('Adapter: none');
  });
});

describe('figures', () => {
  test('bytes', () => {
    expect(formatBytes(0, 'en')).toBe('0\u00a0B');
    expect(formatBytes(9_400_000, 'en')).toBe('9.4\u00a0MB');
    expect(formatBytes(412_300_000, 'en')).toBe('412\u00a0MB');
    expect(formatBytes(999_600, 'en')).toBe('1\u00a0MB');
    expect(formatBytes(4_100_000_000, 'zh-CN')).toBe('4.1\u00a0GB');
  });
  test('counts in the units of the language', () => {
    expect(formatCount(7_600_000_000, 'zh-CN')).toBe('76亿');
    expect(formatCount(15_300_000, 'en')).toBe('15.3M');
  });
  test('seconds are rounded up', () => {
    expect(formatSeconds(3.2, 'en')).toBe('4 sec');
    expect(formatSeconds(61, 'en')).toBe('2 min');
  });
  test('the rate is that of the last seconds', () => {
    const rate = createRateMeter();
    expect(rate(0, 0)).toBeNull();
    for (let second = 1; second <= 10; second += 1) rate(second * 1000, second * 1000);
    expect(rate(10_000, 11_000)).toBeLessThan(1000);
    expect(createRateMeter()(5, 5)).toBeNull();
  });
  test('file names survive every file system', () => {
    const date = new Date(2026, 0, 6);
    expect(exportFileName('恶性高热：2.5 mg/kg?', 'markdown', date)).toBe(
      '恶性高热：2.5 mg kg 2026-01-06.md',
    );
    expect(exportFileName('  ', 'json', date)).toBe('Hypnos 2026-01-06.json');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (title) => {
        expect(exportFileName(title, 'json', date)).toMatch(/^[^\p{Cc}<>:"/\\|?*]{1,200}\.json$/u);
      }),
    );
  });
});
