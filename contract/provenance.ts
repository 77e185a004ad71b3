/** What every output says about itself, in words that other programs know. */

/**
 * Made by a model trained on other media, from nothing but its input: no pixel of a reference photo is in the video, so it is not a
 * composite with one. Source: IPTC NewsCodes, "Digital Source Type".
 */
export const DIGITAL_SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia';
