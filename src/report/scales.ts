/**
 * Axes: where a value lies, which values get a tick, and how they are written. Lengths are in thousandths of the plot
 * (`EXTENT`), because charts stretch to the available room.
 */

const THOUSANDS = /\B(?=(\d{3})+(?!\d))/g;

/** The width and the height of every plot. */
export const EXTENT = 1000;

export interface Tick {
  /** From the left, or from the bottom. */
  readonly at: number;
  readonly text: string;
}

/** The size of the text of ticks and fault names, with its surroundings, px. */
const CHARACTER_PX = 7;
const LABEL_GAP_PX = 8;

/** The most room that a label on an axis takes, px. Its font is known, and its letters are wide. */
export function labelWidth(text: string): number {
  return text.length * CHARACTER_PX + LABEL_GAP_PX;
}

/**
 * Labels in a row. None overlaps another one or sticks out; those without room are left out.
 *
 * @param plotPx the width of the plot
 * @param isBefore whether a label is written to the left of its place
 */
export function labelsWithRoom<Label extends Tick>(
  labels: readonly Label[],
  plotPx: number,
  isBefore: (label: Label) => boolean,
): readonly Label[] {
  let freeFrom = 0;
  return labels.filter((label) => {
    const width = labelWidth(label.text);
    const from = (label.at / EXTENT) * plotPx - (isBefore(label) ? width : 0);
    const to = from + width;
    if (from < freeFrom || to > plotPx) return false;
    freeFrom = to;
    return true;
  });
}

/** Whether a label would stick out of the plot unless it is written to the left of its place. */
export function sticksOut({ at, text }: Tick, plotPx: number): boolean {
  return (at / EXTENT) * plotPx + labelWidth(text) > plotPx;
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= least * (1 - 1e-9)) as number;
  return factor * power;
}

/** A place, without digits that no eye sees. */
export function place(at: number): number {
  return Math.round(at * 10) / 10;
}

/** From zero to a bit more than `max`, in equal steps. */
export class LinearScale {
  readonly max: number;
  readonly #step: number;

  constructor(max: number, ticksMax = 5) {
    this.#step = niceStep(Math.max(max, Number.MIN_VALUE * 1e10) / ticksMax);
    this.max = Math.max(1, Math.ceil((max / this.#step) * (1 - 1e-9))) * this.#step;
  }

  at(value: number): number {
    return place((value / this.max) * EXTENT);
  }

  ticks(write: (value: number) => string): readonly Tick[] {
    const count = Math.round(this.max / this.#step);
    return Array.from({ length: count + 1 }, (_, index) => ({
      at: this.at(index * this.#step),
      text: write(index * this.#step),
    }));
  }
}

/** Whole decades that hold all values, all of them above 0. */
export class LogScale {
  readonly #from: number;
  readonly #decades: number;

  constructor(min: number, max: number) {
    this.#from = Math.floor(Math.log10(min) + 1e-9);
    this.#decades = Math.max(1, Math.ceil(Math.log10(max) - 1e-9) - this.#from);
  }

  at(value: number): number {
    return place(((Math.log10(value) - this.#from) / this.#decades) * EXTENT);
  }

  /** The value at a place. */
  valueAt(at: number): number {
    return 10 ** (this.#from + (at / EXTENT) * this.#decades);
  }

  ticks(write: (value: number) => string): readonly Tick[] {
    return Array.from({ length: this.#decades + 1 }, (_, index) => {
      const value = 10 ** (this.#from + index);
      return { at: this.at(value), text: write(value) };
    });
  }
}

/** `3.2 ms`, `45 µs`, `1.8 s`: three digits, and the unit that fits. */
export function writeDuration(nanoseconds: number): string {
  // Rounding may lead to the next unit.
  const rounded = Number(nanoseconds.toPrecision(3));
  const [divisor, unit] =
    rounded >= 1e9
      ? ([1e9, 's'] as const)
      : rounded >= 1e6
        ? ([1e6, 'ms'] as const)
        : rounded >= 1e3
          ? ([1e3, 'µs'] as const)
          : ([1, 'ns'] as const);
  return `${Number((rounded / divisor).toPrecision(3))} ${unit}`;
}

/** The duration of a run: `45 ms`, and from a second on `3610.4 s`. */
export function writeRunTime(nanoseconds: number): string {
  return nanoseconds < 1e9 ? writeDuration(nanoseconds) : writeTime(nanoseconds, 1);
}

/** A time since the operations began, in seconds, with enough digits to tell neighbours apart. */
export function writeTime(nanoseconds: number, digits = 3): string {
  const text = (nanoseconds / 1e9).toFixed(digits);
  // Not a Number, which would write small ones with an exponent.
  return `${digits === 0 ? text : text.replace(/\.?0+$/, '')} s`;
}

/** Enough digits to tell times apart that are this far from each other; at least three. */
export function timeDigits(step: number): number {
  return Math.max(3, Math.ceil(9 - Math.log10(step) - 1e-9));
}

/** A time since the operations began as a place among others: in ms, to the µs. */
export function writeInstant(nanoseconds: number): string {
  const [whole = '', fraction] = String(Number((nanoseconds / 1e6).toFixed(3))).split('.');
  return `${withCommas(whole)}${fraction === undefined ? '' : `.${fraction}`} ms`;
}

/** `1,234,567` */
export function writeCount(count: number): string {
  return withCommas(String(Math.round(count)));
}

function withCommas(digits: string): string {
  return digits.length <= 3 ? digits : digits.replaceAll(THOUSANDS, ',');
}

/** A number of things: `1 message`, `2,000 operations`. */
export function writeCounted(count: number, noun: string): string {
  return `${writeCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** With at most this many digits, for figures that are no counts. */
export function writeNumber(value: number, digits = 4): string {
  return Number.isInteger(value) || Math.abs(value) >= 1000
    ? writeCount(value)
    : String(Number(value.toPrecision(digits)));
}

/** A share as `98.77 %`. It gets more digits if these would round it to all or none: 100 % is all, and 0 % none. */
export function writeShare(share: number): string {
  const percent = share * 100;
  let text = writeNumber(percent);
  for (let digits = 5; text === '100' && percent < 100 && digits <= 17; digits++) text = writeNumber(percent, digits);
  return `${text} %`;
}
