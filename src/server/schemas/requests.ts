// Bodies that the services check themselves: their schemas stand where the rules are.
export { additionOptionsSchema, additionSchema } from '../../data/addition.ts';
export { datasetMetaSchema, datasetRequestSchema, jobDatasetMetaSchema } from '../../data/source.ts';
export { forkRequestSchema } from '../../service/fork.ts';
export { jobPatchSchema, jobRequestSchema } from '../../service/jobRequest.ts';
export { inferRequestSchema } from '../../service/openInference.ts';
