// Apart from the schemas in columns.ts: a thread that reads data needs no library for them.

/** Most columns of a table. */
export const maxColumns = 4096;
/** Most categories of a column that becomes one input for each. */
export const maxOneHot = 1000;
/** Most categories of a column that becomes one input. */
export const maxOrdinal = 65_536;
/** Most columns of targets. */
export const maxTargets = 256;
/** Most characters of the name of a column or a category. */
export const maxTextLength = 200;

/** Keys of a request that say how a table is to be read: tableOptions describes them. */
export const tableOptionNames = ['target', 'columns', 'missing', 'header'] as const;
export type TableOption = (typeof tableOptionNames)[number];
