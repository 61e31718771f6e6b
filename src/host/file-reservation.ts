/** The durable bound of a node's ids in files: `ids/folder-reservation.ts` in a real folder. */

import { FolderReservation } from '../ids/folder-reservation.ts';
import type { Reservation } from '../ids/reservation.ts';
import { type Files, NodeFolder } from './node-folder.ts';

export const FileReservation = {
  /** Makes the folder if it is missing. Rejects with a StateFileError if it cannot be made or written. */
  async open(folder: string, nodeId: string, files?: Files): Promise<Reservation> {
    return FolderReservation.open(await NodeFolder.open(folder, files), nodeId);
  },
};
