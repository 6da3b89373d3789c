export const BUDGET_BYTES: number;
export function coreBytes(): Promise<number>;
