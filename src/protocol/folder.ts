/**
 * The folder port: small files that outlive a node, with the durability that POSIX promises and no more. What was
 * written is safe from the end of the process at once, and from a power failure only once it was synced: the text of a
 * file by `sync`, the names by `syncNames`. Every call rejects when the disk refuses it, with a text that names the
 * file.
 */

export interface Folder {
  /** The names of all files, in no order. */
  names(): Promise<string[]>;
  /** The text of a file; undefined when there is none of that name. */
  read(name: string): Promise<string | undefined>;
  /** Makes a file; rejects if the name is taken. What fails half-way may leave a file that is cut short. */
  write(name: string, text: string): Promise<void>;
  /** Resolves when the file's text would survive a power failure. Its name may not. */
  sync(name: string): Promise<void>;
  /** Gives a file a second name, in one step; false, and nothing happens, if that name is taken. */
  link(name: string, newName: string): Promise<boolean>;
  /** Takes a name away; rejects if there is none. */
  remove(name: string): Promise<void>;
  /**
   * Resolves when every name that is there now, and the absence of those that are gone, would survive a power failure.
   */
  syncNames(): Promise<void>;
  /** A name for a temporary file that nobody else uses, ending in `.tmp`. */
  temporaryName(prefix: string): string;
  /**
   * The files under names that `temporaryName(prefix)` gave to somebody who can no longer be writing them: to a dead
   * process, say.
   */
  abandonedTemporaries(prefix: string): Promise<string[]>;
  /** What a file is called in an error text: its name, with the folder where that has one. */
  describe(name: string): string;
}
