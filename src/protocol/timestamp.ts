/**
 * Unix milliseconds as people read them, by arithmetic alone: the core has no `Date`. The calendar is `civil_from_days`
 * of Howard Hinnant's "chrono-compatible low-level date algorithms". Years begin in March, so the leap day is the last
 * of its year. An era of 400 years always has the same length.
 */

const DAY_MS = 86_400_000;
/** From 0000-03-01, where the first era begins, to 1970-01-01. */
const ERA_TO_EPOCH_DAYS = 719_468;
const ERA_YEARS = 400;
const ERA_DAYS = 146_097;
const CENTURY_DAYS = 36_524;
const FOUR_YEARS_DAYS = 1_460;
const YEAR_DAYS = 365;
/** March to July, and August to December: 31, 30, 31, 30, 31 days. */
const FIVE_MONTHS_DAYS = 153;

/** 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: years of four digits. */
const MIN_MS = -62_167_219_200_000;
const MAX_MS = 253_402_300_799_999;

/** ISO 8601 in UTC, with milliseconds: `2026-01-31T23:59:59.999Z`. Fractions of a millisecond are cut off. */
export function formatTimestamp(unixMs: number): string {
  const wholeMs = Math.floor(unixMs);
  if (!(wholeMs >= MIN_MS && wholeMs <= MAX_MS)) {
    throw new RangeError(`a timestamp must be in the years 0 to 9999, not ${unixMs}`);
  }
  const days = Math.floor(wholeMs / DAY_MS);
  const ms = wholeMs - days * DAY_MS;
  const time = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map((part) => digits(Math.floor(part), 2));
  return `${formatDay(days)}T${time.join(':')}.${digits(ms % 1000, 3)}Z`;
}

const TIMESTAMP = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?Z)?$/;

/**
 * Unix ms of a day, `2026-01-31`, or of a time in UTC, `2026-01-31T23:59Z`, with seconds and up to three places if need
 * be. Undefined: it is none, or there is no such day.
 */
export function parseTimestamp(text: string): number | undefined {
  const [matched, ...fields] = TIMESTAMP.exec(text) ?? [];
  if (matched === undefined) return undefined;
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = fields.map((field) => Number(field ?? 0));
  const ms = Number((fields[6] ?? '').padEnd(3, '0'));
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const unixMs = daysOf(year, month, day) * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
  const isDay = unixMs >= MIN_MS && unixMs <= MAX_MS && formatTimestamp(unixMs).startsWith(text.slice(0, 10));
  return isDay ? unixMs : undefined;
}

/** Days since 1970-01-01. */
function daysOf(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const monthFromMarch = month <= 2 ? month + 9 : month - 3;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  const dayOfYear = Math.floor((FIVE_MONTHS_DAYS * monthFromMarch + 2) / 5) + day - 1;
  return YEAR_DAYS * marchYear + leapDays + dayOfYear - ERA_TO_EPOCH_DAYS;
}

function formatDay(unixDays: number): string {
  const days = unixDays + ERA_TO_EPOCH_DAYS;
  const era = Math.floor(days / ERA_DAYS);
  const dayOfEra = days - era * ERA_DAYS;
  // Without the leap days before it, every year has 365 days.
  const leapDays =
    Math.floor(dayOfEra / FOUR_YEARS_DAYS) -
    Math.floor(dayOfEra / CENTURY_DAYS) +
    Math.floor(dayOfEra / (ERA_DAYS - 1));
  const yearOfEra = Math.floor((dayOfEra - leapDays) / YEAR_DAYS);
  const dayOfYear = dayOfEra - (YEAR_DAYS * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  // 0 is March, 10 and 11 are January and February of the next year.
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / FIVE_MONTHS_DAYS);
  const day = dayOfYear - Math.floor((FIVE_MONTHS_DAYS * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * ERA_YEARS + (month <= 2 ? 1 : 0);
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
