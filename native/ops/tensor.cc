// What moves, joins and looks up: sums and products of tensors, channels side by side, frames, embeddings.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "op.h"

namespace hebb {
namespace {

constexpr Size kMostTableTasks = 16;  // parts of a table of embeddings: each reads all indices

/// Operands may overlap: what comes out then is nobody's, but it must come out.
void copy(const float* from, Size n, float* to) { std::memmove(to, from, std::size_t(n) * sizeof(float)); }

/// Calls f(image) for each row of the batch.
template <class F>
void each_image(Step& step, Size floats, F f) {
  parallel_for(int(step.rows), step.rows * floats < kElementwiseTask ? 1 : step.threads,
               [&](int image, int) { f(Size(image)); });
}

/// The table's row that an input means; what is no number means the first. In double, where adding a half is exact.
Size index_of(float x, Size vocabulary) {
  return x >= float(vocabulary - 1) ? vocabulary - 1 : x > 0 ? Size(double(x) + 0.5) : 0;
}

}  // namespace

void run(const add_args& a, Step& step) {
  for_each_range(step, step.rows * a.elements, [&](Size first, Size n) {
    for (Size i = first; i < first + n; i++) a.y[i] = a.a[i] + a.b[i];
  });
}

void run(const multiply_args& a, Step& step) {
  for_each_range(step, step.rows * a.elements, [&](Size first, Size n) {
    for (Size i = first; i < first + n; i++) a.y[i] = a.a[i] * a.b[i];
  });
}

void run(const concatenate_args& a, Step& step) {
  const Size width = a.a_channels + a.b_channels;
  each_image(step, a.positions * width, [&](Size image) {
    for (Size p = image * a.positions; p < (image + 1) * a.positions; p++) {
      copy(a.a + p * a.a_channels, a.a_channels, a.y + p * width);
      copy(a.b + p * a.b_channels, a.b_channels, a.y + p * width + a.a_channels);
    }
  });
}

void run(const slice_args& a, Step& step) {
  each_image(step, a.positions * a.channels, [&](Size image) {
    for (Size p = image * a.positions; p < (image + 1) * a.positions; p++) {
      copy(a.x + p * a.width + a.offset, a.channels, a.y + p * a.channels);
    }
  });
}

void run(const upsample2d_args& a, Step& step) {
  const Size width = a.width * a.factor_width, line = width * a.channels;
  each_image(step, a.height * a.factor_height * line, [&](Size image) {
    const float* x = a.x + image * a.height * a.width * a.channels;
    float* y = a.y + image * a.height * a.factor_height * line;
    for (Size row = 0; row < a.height * a.factor_height; row++) {
      for (Size column = 0; column < width; column++) {
        copy(x + (row / a.factor_height * a.width + column / a.factor_width) * a.channels, a.channels,
             y + row * line + column * a.channels);
      }
    }
  });
}

void run(const upsample2d_backward_args& a, Step& step) {
  const Size width = a.width * a.factor_width, line = width * a.channels, in = a.height * a.width * a.channels;
  each_image(step, a.height * a.factor_height * line, [&](Size image) {
    const float* dy = a.dy + image * a.height * a.factor_height * line;
    float* dx = a.dx + image * in;
    std::fill_n(dx, in, 0.0f);
    for (Size row = 0; row < a.height * a.factor_height; row++) {
      for (Size column = 0; column < width; column++) {
        const float* from = dy + row * line + column * a.channels;
        float* to = dx + (row / a.factor_height * a.width + column / a.factor_width) * a.channels;
        for (Size c = 0; c < a.channels; c++) to[c] += from[c];
      }
    }
  });
}

void run(const pad2d_args& a, Step& step) {
  const Size line = a.width * a.channels, framed = (a.left + a.width + a.right) * a.channels;
  const Size floats = (a.top + a.height + a.bottom) * framed;
  each_image(step, floats, [&](Size image) {
    float* y = a.y + image * floats;
    std::fill_n(y, floats, 0.0f);
    for (Size row = 0; row < a.height; row++) {
      copy(a.x + (image * a.height + row) * line, line, y + (a.top + row) * framed + a.left * a.channels);
    }
  });
}

void run(const crop2d_args& a, Step& step) {
  const Size line = a.width * a.channels, framed = (a.left + a.width + a.right) * a.channels;
  const Size floats = (a.top + a.height + a.bottom) * framed;
  each_image(step, a.height * line, [&](Size image) {
    for (Size row = 0; row < a.height; row++) {
      copy(a.x + image * floats + (a.top + row) * framed + a.left * a.channels, line,
           a.y + (image * a.height + row) * line);
    }
  });
}

void run(const embedding_args& a, Step& step) {
  each_image(step, a.positions * a.dimensions, [&](Size image) {
    for (Size p = image * a.positions; p < (image + 1) * a.positions; p++) {
      copy(a.w + index_of(a.x[p], a.vocabulary) * a.dimensions, a.dimensions, a.y + p * a.dimensions);
    }
  });
}

// Each task has a part of the table and looks for its rows among all indices, so that a row's sum has one order.
void run(const embedding_backward_args& a, Step& step) {
  const Size tasks = std::min(kMostTableTasks, (a.vocabulary * a.dimensions + kElementwiseTask - 1) / kElementwiseTask);
  const Size part = (a.vocabulary + tasks - 1) / tasks;
  parallel_for(int(tasks), step.threads, [&](int task, int) {
    const Size first = std::min(a.vocabulary, task * part), end = std::min(a.vocabulary, first + part);
    std::fill_n(a.dw + first * a.dimensions, (end - first) * a.dimensions, 0.0f);
    for (Size p = 0; p < step.rows * a.positions; p++) {
      const Size row = index_of(a.x[p], a.vocabulary);
      if (row < first || row >= end) continue;
      float* to = a.dw + row * a.dimensions;
      for (Size d = 0; d < a.dimensions; d++) to[d] += a.dy[p * a.dimensions + d];
    }
  });
}

}  // namespace hebb
