/** Where the face models that come with the program lie. */
import path from 'node:path';
import { FACE_MODELS } from '../contract/env';

/** The program runs from sources unless the variable says where its bundle has them. */
export function faceModelFile(name: string): string {
  return path.join(process.env[FACE_MODELS] ?? path.join(__dirname, '../models/faces'), `${name}.onnx`);
}
