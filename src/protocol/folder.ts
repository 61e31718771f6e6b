/**
 * The folder port: files that outlive a node, with the durability that POSIX promises and no more. Written data
 * survives the end of the process at once. It survives a power failure only after a sync: `sync` for the text of a
 * file, `syncNames` for the names. Every call rejects when the disk refuses it, with a text that names the file.
 */

/** Exclusive use of a folder, until it is released or the process ends. */
export interface FolderLock {
  /**
   * Resolves when no other process can have had the lock until now. Rejects if one took it, which can happen while this
   * process stands still. Await it before you tell anyone what rests on the lock. It takes no time as a rule.
   */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

/** Files that outlive a node, by name, in one folder. */
export interface Folder {
  /** The names of all files, in no order. */
  names(): Promise<string[]>;
  /** The text of a file; undefined if there is no file of that name. */
  read(name: string): Promise<string | undefined>;
  /**
   * Some bytes of a file, a character each (Latin-1); fewer where the file ends. For files in ASCII, which may be long
   * and damaged. Rejects if there is no file of that name.
   */
  readPart(name: string, offset: number, length: number): Promise<string>;
  /** Creates a file; rejects if the name is taken. A failed write may leave a truncated file. */
  write(name: string, text: string): Promise<void>;
  /**
   * Adds a text in ASCII to the end of a file, and creates the file if there is none. A sync covers all that was added.
   * An append that failed, or whose process ended meanwhile, may leave a part. The file stays open, so that the next
   * append takes no longer than it must.
   */
  append(name: string, text: string): Promise<void>;
  /** Lets go of a file that `append` keeps open. Does nothing if it is not open. */
  close(name: string): Promise<void>;
  /** Resolves when the file's text would survive a power failure. Its name may not survive yet. */
  sync(name: string): Promise<void>;
  /** Gives a file a second name, atomically. Returns false and does nothing if that name is taken. */
  link(name: string, newName: string): Promise<boolean>;
  /** Removes a name; rejects if there is none. */
  remove(name: string): Promise<void>;
  /** Resolves when a power failure would change no name: present ones stay, removed ones stay removed. */
  syncNames(): Promise<void>;
  /**
   * A unique name for a temporary file, ending in `.tmp`.
   *
   * @param laterName the name that it is to be linked to, if that is known
   */
  temporaryName(prefix: string, laterName?: string): string;
  /**
   * The files whose names came from `temporaryName(prefix)` and that can no longer be written to, for example because
   * their process is dead.
   */
  abandonedTemporaries(prefix: string): Promise<string[]>;
  /** Takes the lock of this name. Rejects if another holds it, with a text that says who. */
  lock(name: string): Promise<FolderLock>;
  /** How an error text names a file: its name, with the folder if it has one. */
  describe(name: string): string;
}
