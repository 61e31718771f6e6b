/** The bound of a node id in files of this machine: `ids/folder-reservation.ts` in a folder that is made if need be. */

import { FolderReservation } from '../ids/folder-reservation.ts';
import type { Reservation } from '../ids/reservation.ts';
import { type Files, NodeFolder } from './node-folder.ts';

export const FileReservation = {
  /** A StateFileError if the folder cannot be made, or nothing written in it. */
  async open(folder: string, nodeId: string, files?: Files): Promise<Reservation> {
    return FolderReservation.open(await NodeFolder.open(folder, files), nodeId);
  },
};
