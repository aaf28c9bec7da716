/** An option that may be given again and again. */
export const collect = (value: string, previous: string[]): string[] => [...previous, value]
