/** Parser of an option that may be repeated. */
export const collect = (value: string, previous: string[]): string[] => [...previous, value]
