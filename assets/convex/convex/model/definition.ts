/** The shape of a table's definition, as far as a backend needs it (assets/tables/*.json). */

export type ColumnType =
  "text" | "bool" | "integer" | "real" | "date" | "timestamp" | "choice" | "reference";

export type Scalar = string | number | boolean | null;

export type Column = {
  readonly name: string;
  readonly type: ColumnType;
  readonly label?: string;
  readonly required?: boolean;
  readonly default?: string | number | boolean;
  readonly maxLength?: number;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
};

export type Definition = {
  readonly name: string;
  readonly columns: readonly Column[];
};
