/**
 * The flags that stand on the command line, by their long names without dashes, with what the parser made of them. A flag that has only
 * its default is not among them.
 */
export type GivenFlags = ReadonlyMap<string, string | boolean | readonly string[]>
