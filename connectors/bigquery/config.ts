import { isObject, SyncError, type ConnectorSpecification } from '../../protocol/index.ts';

export interface BigQueryConfig {
  readonly project: string;
  readonly dataset: string;
  readonly location?: string;
  /** The text of a service account's key. Absent: the worker's own credentials, where connectors.yaml allows them. */
  readonly credentials_json?: string;
  readonly partition_by_day?: boolean;
  readonly cluster_by_key?: boolean;
  /** Of Cloud Storage. Absent: files go with the jobs that load them. */
  readonly staging_bucket?: string;
  readonly staging_prefix?: string;
  /** Of an emulator. Absent: Google. */
  readonly endpoint?: string;
}

export const defaultLocation = 'US';

/** For people. */
export const placeOf = ({ project, dataset, endpoint }: BigQueryConfig): string =>
  `${project}.${dataset}${endpoint === undefined ? '' : ` at ${endpoint}`}`;

/** What of a key is used. */
export interface ServiceAccountKey {
  readonly email: string;
  readonly privateKey: string;
}

/** Only a service account's own key: the other kinds of credentials in such files name programs and addresses, which a config may not choose. */
export function keyOf(text: string): ServiceAccountKey {
  const key = parsed(text);
  if (!isObject(key) || key['type'] !== 'service_account') throw noKey();
  const { client_email: email, private_key: privateKey } = key;
  if (typeof email !== 'string' || typeof privateKey !== 'string') throw noKey();
  return { email, privateKey };
}

/** null: it is no JSON. (What the parser throws would hold parts of the key.) */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function noKey(): SyncError {
  return new SyncError('config_error', 'The credentials are no key of a service account.', {
    origin: 'destination',
    place: 'credentials_json in the config of the destination',
    remedy:
      'Make a key of type JSON for the service account in the Google Cloud console, and give the whole text of that file.',
  });
}

export const bigquerySpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'BigQuery destination',
    type: 'object',
    additionalProperties: false,
    required: ['project', 'dataset'],
    'x-ambient-without': 'credentials_json',
    dependencies: { staging_prefix: ['staging_bucket'] },
    properties: {
      project: {
        type: 'string',
        title: 'Project',
        description: 'The ID of the Google Cloud project that has the dataset, and is billed.',
        pattern: '^([a-z0-9.-]+:)?[a-z][a-z0-9-]{0,61}$',
        examples: ['company-warehouse'],
        order: 0,
      },
      dataset: {
        type: 'string',
        title: 'Dataset',
        description:
          'For streams without a namespace, and for Tidemark’s own tables. Made if it is not there, which needs a right of its own.',
        pattern: '^[A-Za-z0-9_]{1,63}$',
        examples: ['raw'],
        order: 1,
      },
      location: {
        type: 'string',
        title: 'Location',
        description:
          'Of datasets that are made, and of the jobs until there is one. A dataset that is there decides itself.',
        default: defaultLocation,
        pattern: '^[A-Za-z0-9-]+$',
        examples: ['EU', 'europe-west3'],
        order: 2,
      },
      credentials_json: {
        type: 'string',
        title: 'Key of the service account',
        description:
          'The text of its JSON file. Absent: the worker’s own credentials, where its connectors.yaml says `credentials: ambient`.',
        airbyte_secret: true,
        minLength: 1,
        order: 3,
      },
      partition_by_day: {
        type: 'boolean',
        title: 'Partitions by day',
        description:
          'Tables that are made are partitioned by the day of _airbyte_extracted_at: for queries of recent rows. A table has 10,000 days at most. Tables that are there stay as they are.',
        default: false,
        order: 4,
      },
      cluster_by_key: {
        type: 'boolean',
        title: 'Clusters by primary key',
        description:
          'Tables of append_dedup that are made are clustered by the first four fields of the key: a commit reads less of them.',
        default: true,
        order: 5,
      },
      staging_bucket: {
        type: 'string',
        title: 'Bucket for staging',
        description:
          'Of Cloud Storage, where the dataset is: files wait there, and one job loads all those of a batch. Absent: each goes with a job of its own.',
        pattern: '^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$',
        examples: ['company-stage'],
        order: 6,
      },
      staging_prefix: {
        type: 'string',
        title: 'Prefix in the bucket',
        description: 'Names of files begin so, without a slash at the end.',
        pattern: '^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$',
        maxLength: 200,
        examples: ['tidemark'],
        order: 7,
      },
      endpoint: {
        type: 'string',
        title: 'Endpoint',
        description: 'Of an emulator, to which no credentials are sent. Absent: Google.',
        pattern: '^https?://[^/\\s]+$',
        examples: ['http://localhost:9050'],
        order: 8,
      },
    },
  },
  supported_destination_sync_modes: ['append', 'append_dedup', 'overwrite'],
  supportsIncremental: true,
};
