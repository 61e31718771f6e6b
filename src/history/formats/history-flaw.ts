/** A recorded history is malformed: what is wrong, and where in its file. */
export class HistoryFlaw extends Error {
  override readonly name = 'HistoryFlaw';
  /** In words, without the place. */
  readonly what: string;
  /** From 1, in UTF-16 units. */
  readonly column: number;

  constructor(what: string, line: number, column: number) {
    super(`line ${line}, column ${column}: ${what}`);
    this.what = what;
    this.column = column;
  }
}
