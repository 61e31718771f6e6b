/**
 * The folder port: small files that outlive a node, with the durability that POSIX promises and no more. Written data
 * survives the end of the process at once. It survives a power failure only after a sync: `sync` for the text of a
 * file, `syncNames` for the names. Every call rejects when the disk refuses it, with a text that names the file.
 */

export interface Folder {
  /** The names of all files, in no order. */
  names(): Promise<string[]>;
  /** The text of a file; undefined if there is no file of that name. */
  read(name: string): Promise<string | undefined>;
  /** Creates a file; rejects if the name is taken. A failed write may leave a truncated file. */
  write(name: string, text: string): Promise<void>;
  /** Resolves when the file's text would survive a power failure. Its name may not survive yet. */
  sync(name: string): Promise<void>;
  /** Gives a file a second name, atomically. Returns false and does nothing if that name is taken. */
  link(name: string, newName: string): Promise<boolean>;
  /** Removes a name; rejects if there is none. */
  remove(name: string): Promise<void>;
  /** Resolves when a power failure would change no name: present ones stay, removed ones stay removed. */
  syncNames(): Promise<void>;
  /** A unique name for a temporary file, ending in `.tmp`. */
  temporaryName(prefix: string): string;
  /**
   * The files whose names came from `temporaryName(prefix)` and that can no longer be written to, for example because
   * their process is dead.
   */
  abandonedTemporaries(prefix: string): Promise<string[]>;
  /** How an error text names a file: its name, with the folder if it has one. */
  describe(name: string): string;
}
