/** The folders of an instance that containers see: made by instance-start.sh. */

/** Read-only: what a worker is told about its instance. */
export const HOST_STATE = '/var/lib/mv2id';
/** On the largest and fastest disk that the instance has; belongs to the containers' user. */
export const HOST_CACHE = `${HOST_STATE}/cache`;
export const INSTANCE_FILE = 'instance.json';
