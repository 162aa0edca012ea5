// Batch and layer normalisation, and what works channel by channel of (positions, channels).
#include <algorithm>
#include <cmath>

#include "op.h"

namespace hebb {
namespace {

constexpr Size kBlock = 32;    // positions summed in float before they are added up in double
constexpr Size kChunk = 2048;  // positions of a task

Size chunks(Size positions) { return (positions + kChunk - 1) / kChunk; }

/// What channel_sums needs for K sums over up to so many positions.
template <int K>
ScratchNeed sums_scratch(Size positions, Size channels) {
  return {2 * K * channels * (chunks(positions) + 1), K * channels};
}

/// Sums over all positions of K numbers a channel: add(position, sums) adds those of one position to sums(K, channels).
/// The order of additions follows from positions alone.
/// @return (K, channels), in the shared scratch memory
template <int K, class F>
const double* channel_sums(Step& step, Size positions, Size channels, F add) {
  const Size width = K * channels, tasks = chunks(positions);
  double* totals = reinterpret_cast<double*>(step.shared_scratch);
  double* parts = totals + width;
  parallel_for(int(tasks), positions * channels < kElementwiseTask ? 1 : step.threads, [&](int task, int thread) {
    double* part = parts + task * width;
    float* block = step.scratch_of(thread);
    std::fill_n(part, width, 0.0);
    const Size end = std::min(positions, (task + 1) * kChunk);
    for (Size first = task * kChunk; first < end; first += kBlock) {
      std::fill_n(block, width, 0.0f);
      for (Size p = first; p < std::min(end, first + kBlock); p++) add(p, block);
      for (Size i = 0; i < width; i++) part[i] += double(block[i]);
    }
  });
  std::fill_n(totals, width, 0.0);
  for (Size task = 0; task < tasks; task++) {
    for (Size i = 0; i < width; i++) totals[i] += parts[task * width + i];
  }
  return totals;
}

/// Calls f(position) for all positions, in tasks by shape.
template <class F>
void each_position(Step& step, Size positions, Size channels, F f) {
  parallel_for(int(chunks(positions)), positions * channels < kElementwiseTask ? 1 : step.threads, [&](int task, int) {
    for (Size p = task * kChunk; p < std::min(positions, (task + 1) * kChunk); p++) f(p);
  });
}

/// Mean and 1 / sqrt(variance + epsilon) of one position's channels, two passes in double.
struct Moments {
  double mean = 0, inverse = 0;
};
Moments moments_of(const float* x, Size channels, double epsilon) {
  double sum = 0, squares = 0;
  for (Size c = 0; c < channels; c++) sum += double(x[c]);
  const double mean = sum / double(channels);
  for (Size c = 0; c < channels; c++) squares += (double(x[c]) - mean) * (double(x[c]) - mean);
  return {mean, 1 / std::sqrt(squares / double(channels) + epsilon)};
}

}  // namespace

void run(const add_bias_args& a, Step& step) {
  const Size n = a.channels;
  each_position(step, step.rows * a.positions, n, [&](Size p) {
    for (Size c = 0; c < n; c++) a.y[p * n + c] = a.x[p * n + c] + a.b[c];
  });
}

// He et al.: "Delving deep into rectifiers", ICCV 2015, section 2.1.
void run(const prelu_args& a, Step& step) {
  const Size n = a.channels;
  each_position(step, step.rows * a.positions, n, [&](Size p) {
    for (Size c = 0; c < n; c++) {
      const float x = a.x[p * n + c];
      a.y[p * n + c] = x > 0 ? x : x * a.slope[c];
    }
  });
}

void run(const prelu_backward_args& a, Step& step) {
  const Size n = a.channels;
  each_position(step, step.rows * a.positions, n, [&](Size p) {
    for (Size c = 0; c < n; c++) {
      const float dy = a.dy[p * n + c];
      a.dx[p * n + c] = a.x[p * n + c] > 0 ? dy : dy * a.slope[c];
    }
  });
}

void run(const prelu_slope_gradient_args& a, Step& step) {
  const Size n = a.channels;
  const double* sums = channel_sums<1>(step, step.rows * a.positions, n, [&](Size p, float* sum) {
    for (Size c = 0; c < n; c++) {
      const float x = a.x[p * n + c];
      sum[c] += x > 0 ? 0.0f : x * a.dy[p * n + c];
    }
  });
  for (Size c = 0; c < n; c++) a.dslope[c] = float(sums[c]);
}

ScratchNeed scratch(const prelu_slope_gradient_args& a, const Kernels&, Size rows) {
  return sums_scratch<1>(rows * a.positions, a.channels);
}

// Ioffe, Szegedy: "Batch normalization", ICML 2015, algorithm 1.
void run(const channel_moments_args& a, Step& step) {
  const Size n = a.channels, positions = step.rows * a.positions;
  const double* sums = channel_sums<1>(step, positions, n, [&](Size p, float* sum) {
    for (Size c = 0; c < n; c++) sum[c] += a.x[p * n + c];
  });
  for (Size c = 0; c < n; c++) a.mean[c] = float(sums[c] / double(positions));
  const double* squares = channel_sums<1>(step, positions, n, [&](Size p, float* sum) {
    for (Size c = 0; c < n; c++) {
      const float d = a.x[p * n + c] - a.mean[c];
      sum[c] += d * d;
    }
  });
  for (Size c = 0; c < n; c++) a.variance[c] = float(squares[c] / double(positions));
}

ScratchNeed scratch(const channel_moments_args& a, const Kernels&, Size rows) {
  return sums_scratch<1>(rows * a.positions, a.channels);
}

void run(const batch_norm_args& a, Step& step) {
  const Size n = a.channels;
  // y = x * scale + shift, both worked out once a channel.
  float *scale = step.shared_scratch, *shift = scale + n;
  for (Size c = 0; c < n; c++) {
    const double factor = (a.gamma ? double(a.gamma[c]) : 1) / std::sqrt(double(a.variance[c]) + a.epsilon);
    scale[c] = float(factor);
    shift[c] = a.beta ? a.beta[c] : 0;
  }
  each_position(step, step.rows * a.positions, n, [&](Size p) {
    const float* x = a.x + p * n;
    float* y = a.y + p * n;
    if (a.mean) {
      for (Size c = 0; c < n; c++) y[c] = (x[c] - a.mean[c]) * scale[c] + shift[c];
    } else {
      for (Size c = 0; c < n; c++) y[c] = x[c] * scale[c] + shift[c];
    }
  });
}

ScratchNeed scratch(const batch_norm_args& a, const Kernels&, Size) { return {2 * a.channels, 0}; }

// With x^ = (x - mean) / sqrt(variance + epsilon), m positions: dbeta = sum dy, dgamma = sum dy x^,
// dx = gamma / sqrt(variance + epsilon) * (dy - dbeta / m - x^ dgamma / m).
void run(const batch_norm_backward_args& a, Step& step) {
  const Size n = a.channels, positions = step.rows * a.positions;
  const double* sums = channel_sums<2>(step, positions, n, [&](Size p, float* sum) {
    for (Size c = 0; c < n; c++) {
      const float dy = a.dy[p * n + c];
      sum[c] += dy;
      sum[n + c] += dy * (a.x[p * n + c] - a.mean[c]);
    }
  });
  // dx = dy * scale + (x - mean) * slope + shift. Written behind the sums, which are not needed any more then.
  float* scale = reinterpret_cast<float*>(reinterpret_cast<double*>(step.shared_scratch) + 2 * n);
  float *slope = scale + n, *shift = slope + n;
  const double m = double(positions);
  for (Size c = 0; c < n; c++) {
    const double inverse = 1 / std::sqrt(double(a.variance[c]) + a.epsilon), gamma = a.gamma ? double(a.gamma[c]) : 1;
    const double dbeta = sums[c], dgamma = sums[n + c] * inverse;
    a.dbeta[c] = float(dbeta), a.dgamma[c] = float(dgamma);
    scale[c] = float(gamma * inverse);
    slope[c] = float(-gamma * inverse * inverse * dgamma / m);
    shift[c] = float(-gamma * inverse * dbeta / m);
  }
  each_position(step, positions, n, [&](Size p) {
    const float *x = a.x + p * n, *dy = a.dy + p * n;
    float* dx = a.dx + p * n;
    for (Size c = 0; c < n; c++) dx[c] = dy[c] * scale[c] + ((x[c] - a.mean[c]) * slope[c] + shift[c]);
  });
}

ScratchNeed scratch(const batch_norm_backward_args& a, const Kernels&, Size rows) {
  return sums_scratch<2>(rows * a.positions, a.channels);
}

void run(const update_moments_args& a, Step& step) {
  const double n = double(step.rows) * double(a.positions), unbiased = n > 1 ? n / (n - 1) : 1;
  for (Size c = 0; c < a.channels; c++) {
    a.mean[c] = float((1 - a.momentum) * double(a.mean[c]) + a.momentum * double(a.batch_mean[c]));
    a.variance[c] =
        float((1 - a.momentum) * double(a.variance[c]) + a.momentum * unbiased * double(a.batch_variance[c]));
  }
}

// Ba, Kiros, Hinton: "Layer normalization", 2016, section 3.
void run(const layer_norm_args& a, Step& step) {
  const Size n = a.channels;
  each_position(step, step.rows * a.positions, n, [&](Size p) {
    const float* x = a.x + p * n;
    const Moments moments = moments_of(x, n, a.epsilon);
    for (Size c = 0; c < n; c++) {
      const float normal = float((double(x[c]) - moments.mean) * moments.inverse);
      a.y[p * n + c] = (a.gamma ? normal * a.gamma[c] : normal) + (a.beta ? a.beta[c] : 0);
    }
  });
}

void run(const layer_norm_backward_args& a, Step& step) {
  const Size n = a.channels, positions = step.rows * a.positions;
  const double* sums = channel_sums<2>(step, positions, n, [&](Size p, float* sum) {
    const float *x = a.x + p * n, *dy = a.dy + p * n;
    const Moments moments = moments_of(x, n, a.epsilon);
    for (Size c = 0; c < n; c++) {
      sum[c] += dy[c];
      sum[n + c] += dy[c] * float((double(x[c]) - moments.mean) * moments.inverse);
    }
  });
  for (Size c = 0; c < n; c++) a.dbeta[c] = float(sums[c]), a.dgamma[c] = float(sums[n + c]);
  // dx = inverse * (g - mean of g - x^ * mean of g x^), g = dy gamma.
  each_position(step, positions, n, [&](Size p) {
    const float *x = a.x + p * n, *dy = a.dy + p * n;
    const Moments moments = moments_of(x, n, a.epsilon);
    const auto gradient = [&](Size c) { return double(dy[c]) * (a.gamma ? double(a.gamma[c]) : 1); };
    const auto normal = [&](Size c) { return (double(x[c]) - moments.mean) * moments.inverse; };
    double sum = 0, dot = 0;
    for (Size c = 0; c < n; c++) sum += gradient(c), dot += gradient(c) * normal(c);
    sum /= double(n), dot /= double(n);
    for (Size c = 0; c < n; c++) a.dx[p * n + c] = float(moments.inverse * (gradient(c) - sum - normal(c) * dot));
  });
}

ScratchNeed scratch(const layer_norm_backward_args& a, const Kernels&, Size rows) {
  return sums_scratch<2>(rows * a.positions, a.channels);
}

}  // namespace hebb
