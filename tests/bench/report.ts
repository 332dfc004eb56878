/** How benches print: one aligned line a figure, with its goal where there is one. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the project asks of itself, in words. */
  readonly goal?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length === 0) throw new RangeError('median of nothing');
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function print(title: string, figures: readonly Figure[]): void {
  console.log(`\n${title}`);
  for (const { name, value, unit, goal } of figures) {
    const amount = value.toFixed(Math.abs(value) >= 100 ? 0 : 1);
    console.log(
      `  ${name.padEnd(64)} ${amount.padStart(9)} ${unit.padEnd(8)}${goal ? ` goal: ${goal}` : ''}`,
    );
  }
}
