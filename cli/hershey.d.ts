declare module 'hershey' {
  /** Strokes of a line of text, around 0: y upwards, -9 at the foot of a capital letter and 12 at its head. */
  export function stringToPaths(text: string): {
    readonly bounds: { readonly minX: number; readonly maxX: number };
    readonly paths: readonly (readonly (readonly [x: number, y: number])[])[];
  };
}
