import { z } from "zod";

// What the manifests in deploy/ use of Kubernetes' and Kubeflow's types, and nothing else: a field that is misspelt, or stands in the
// wrong place, is unknown here. From
//   https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/
//   https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
//   https://github.com/kubeflow/training-operator/tree/release-1.8/pkg/apis/kubeflow.org/v1 (pytorch_types.go, common_types.go)

/** RFC 1123: names of objects, containers and volumes. */
const name = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
const quantity = z.union([z.number().int().positive(), z.string().regex(/^[1-9]\d*(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/)]);
const seconds = z.number().int().positive();
const path = z.string().startsWith("/");

const container = z.strictObject({
  name,
  image: z.string().regex(/^[\w.-]+(\/[\w.-]+)*:[\w.-]+$/),
  command: z.array(z.string()).min(1),
  args: z.array(z.string()),
  // A number or a truth value here is the mistake that everybody makes once.
  env: z.array(z.strictObject({ name: z.string().regex(/^[A-Z_]+$/), value: z.string() })).optional(),
  resources: z.strictObject({
    limits: z.strictObject({ "nvidia.com/gpu": z.number().int().positive(), cpu: quantity, memory: quantity }),
  }),
  securityContext: z.strictObject({ allowPrivilegeEscalation: z.boolean() }),
  volumeMounts: z.array(z.strictObject({ name, mountPath: path })),
});

const volume = z.union([
  z.strictObject({ name, persistentVolumeClaim: z.strictObject({ claimName: name }) }),
  z.strictObject({ name, emptyDir: z.strictObject({ medium: z.literal("Memory"), sizeLimit: quantity }) }),
]);

const podSpec = z.strictObject({
  restartPolicy: z.enum(["Never", "OnFailure"]).optional(),
  terminationGracePeriodSeconds: seconds,
  containers: z.array(container).length(1),
  volumes: z.array(volume),
});

const metadata = z.strictObject({ name });

const podFailureRule = z.strictObject({
  action: z.enum(["FailJob", "FailIndex", "Ignore", "Count"]),
  onPodConditions: z.array(z.strictObject({ type: z.string(), status: z.enum(["True", "False", "Unknown"]) })).max(20),
});

/** `batch/v1` Job, an indexed one. */
export const indexedJob = z.strictObject({
  apiVersion: z.literal("batch/v1"),
  kind: z.literal("Job"),
  metadata,
  spec: z.strictObject({
    completionMode: z.literal("Indexed"),
    completions: z.number().int().positive(),
    parallelism: z.number().int().positive(),
    backoffLimitPerIndex: z.number().int().min(0),
    podFailurePolicy: z.strictObject({ rules: z.array(podFailureRule).max(20) }),
    // A limit for each index, and a policy for failures, both require Never.
    template: z.strictObject({ spec: podSpec.extend({ restartPolicy: z.literal("Never") }) }),
  }),
});

const replicas = z.strictObject({
  replicas: z.number().int().positive(),
  restartPolicy: z.enum(["Always", "OnFailure", "Never", "ExitCode"]),
  // The policy of the replicas counts; one in the pod would be overridden.
  template: z.strictObject({ spec: podSpec.omit({ restartPolicy: true }) }),
});

/** `kubeflow.org/v1` PyTorchJob. */
export const pyTorchJob = z.strictObject({
  apiVersion: z.literal("kubeflow.org/v1"),
  kind: z.literal("PyTorchJob"),
  metadata,
  spec: z.strictObject({
    nprocPerNode: z.string().regex(/^(auto|cpu|gpu|[1-9]\d*)$/),
    runPolicy: z.strictObject({
      cleanPodPolicy: z.enum(["All", "Running", "None"]),
      backoffLimit: z.number().int().min(0),
    }),
    pytorchReplicaSpecs: z.strictObject({ Master: replicas.extend({ replicas: z.literal(1) }), Worker: replicas }),
  }),
});
