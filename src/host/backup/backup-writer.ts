/**
 * A new file that appears under its name when all of it is on the disk. Until then it is `<name>.partial`. Everything
 * that a backup writes goes through `append`.
 */

import { basename, dirname, resolve } from 'node:path';
import type { Folder } from '../../protocol/folder.ts';
import type { KeyRing } from '../encryption/key-ring.ts';
import { backupFolder } from './backup-folder.ts';
import { BackupError } from './format.ts';

const PIECE_LENGTH = 256 * 1024;

export class BackupWriter {
  readonly #folder: Folder;
  readonly #name: string;
  #piece = '';

  /** Rejects with an error that names the file if it is there already, or cannot be written. */
  static async create(file: string, keys?: KeyRing): Promise<BackupWriter> {
    const folder = await backupFolder(dirname(resolve(file)), keys);
    const writer = new BackupWriter(folder, basename(resolve(file)));
    const names = await folder.names();
    if (names.includes(writer.#name)) throw writer.#taken();
    if (names.includes(writer.#partial))
      throw new BackupError(
        `${folder.describe(writer.#partial)}: it is there: another backup is writing it, or one did not finish. ` +
          'If none is under way, remove it',
      );
    await folder.write(writer.#partial, '');
    return writer;
  }

  private constructor(folder: Folder, name: string) {
    this.#folder = folder;
    this.#name = name;
  }

  get #partial(): string {
    return `${this.#name}.partial`;
  }

  /** @param text ASCII */
  async append(text: string): Promise<void> {
    this.#piece += text;
    if (this.#piece.length >= PIECE_LENGTH) await this.#flush();
  }

  /** Resolves when a power failure would keep the file. Rejects if another process has made it meanwhile. */
  async finish(): Promise<void> {
    await this.#flush();
    await this.#folder.sync(this.#partial);
    if (!(await this.#folder.link(this.#partial, this.#name))) throw this.#taken();
    await this.#folder.remove(this.#partial);
    await this.#folder.syncNames();
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.#folder.remove(this.#partial).catch(() => {});
  }

  async #flush(): Promise<void> {
    const piece = this.#piece;
    this.#piece = '';
    await this.#folder.append(this.#partial, piece);
  }

  #taken(): BackupError {
    return new BackupError(
      `${this.#folder.describe(this.#name)}: it is there already, and a backup overwrites nothing`,
    );
  }
}
