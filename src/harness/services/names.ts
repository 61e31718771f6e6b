/** The names of Maelstrom's services, which are their node ids. */
export const SERVICE_NAMES: readonly string[] = ['lin-kv', 'seq-kv', 'lww-kv', 'lin-tso'];
