// The table of inner loops that every instruction set fills. Ops (native/ops) do the blocking and call these; nothing
// outside native/kernels knows an instruction set.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hebb {

using Size = std::ptrdiff_t;

/// Codes are part of a program's instructions; the TypeScript side reads them from the addon by name.
/// Those before fused_count can be a part of a product; elu takes its alpha as slope.
enum class Activation : int {
  linear,
  relu,
  leakyRelu,
  sigmoid,
  tanh,
  step,
  fused_count,
  elu = fused_count,
  selu,
  softplus,
  hardSigmoid,
  gelu,
  silu,
  count
};

/// C(m, n) += or = A(m, k) B(k, n), then C = activation(C + bias).
///
/// A is addressed as a[row(i) + column(p)], with row(i) = row_offsets ? row_offsets[i] : i * row_stride and likewise
/// for column(p): a plain or transposed matrix, or the patches of an image that never get written out. B stands in
/// panels of tile_columns columns: b + panel * panel_stride + p * b_stride; an unpacked row-major matrix is
/// panel_stride = tile_columns. Every element of C is one chain of fused multiply-adds in the order of p, whatever the
/// blocking.
struct GemmBlock {
  Size m, n, k;
  const float* a;
  Size row_stride, column_stride;
  const std::int32_t* row_offsets;
  const std::int32_t* column_offsets;
  const float* b;
  Size b_stride, panel_stride;
  /// Where given, row p of B stands at b + b_offsets[p], without panels, and row_stride is 1: B's rows are parts of an
  /// image, A's columns the weights.
  const std::int32_t* b_offsets;
  /// B's panels are zero-padded to tile_columns, so whole vectors may be read; otherwise nothing past column n is
  /// touched.
  bool b_padded;
  float* c;
  Size c_stride;
  /// Where given, row i of C stands at c + c_row_offsets[i]; rows may not overlap.
  const std::int32_t* c_row_offsets;
  /// Start from what C holds instead of zero.
  bool accumulate;
  /// Added and applied at the end; the last block of k passes them, earlier ones do not.
  const float* bias;
  Activation activation;
  float slope;
  /// Instead: C + update_scale * (A B), the sum worked out first. Not together with accumulate.
  bool update;
  float update_scale;
};

struct AdamStep {
  float rate, beta1, beta2, one_minus_beta1, one_minus_beta2, epsilon, inverse_root_correction2;
  float kept;  // 1 - learning rate * weight decay
};

struct Kernels {
  const char* name;
  int width;         // floats in a vector
  int tile_rows;     // rows of C that stay in registers
  int tile_columns;  // columns of a packed panel of B
  // What is worked out how, by shape; part of what decides a result's bits.
  int winograd_channels;  // as many channels and filters, at least, make Winograd's form pay

  void (*gemm)(const GemmBlock& block);
  /// The same, channel by channel: C(i, c) is the sum over p of a[row(i) + column(p) + c] * b[p * b_stride + c], with
  /// both tables of offsets given.
  void (*depthwise)(const GemmBlock& block);
  /// y(m, n) (+)= x(m, k) w(n, k)^T by dot products; for few rows, where packing w would cost more than multiplying.
  void (*gemm_dot)(Size m, Size n, Size k, const float* x, Size x_stride, const float* w, Size w_stride, float* y,
                   Size y_stride);
  /// y(columns, width) = x(rows, columns)^T, zeros behind the rows.
  void (*pack_transposed)(Size rows, Size columns, const float* x, Size x_stride, float* y, Size width);
  /// sums(n) = sums of the columns of x(m, n).
  void (*column_sums)(Size m, Size n, const float* x, float* sums);

  /// Winograd's convolution of 3 x 3, a tile of 4 x 4 outputs at a time: the 6 x 6 inputs at x, rows row_stride apart,
  /// to 36 rows of channels at v, v_stride apart;
  void (*winograd_input)(Size channels, const float* x, Size row_stride, float* v, Size v_stride);
  /// the 36 products at m to the first rows and columns of the outputs at g.c, pixels g.c_stride and rows row_stride
  /// apart, with g's bias and activation over g.n filters;
  void (*winograd_output)(const GemmBlock& g, const float* m, Size m_stride, Size row_stride, Size rows, Size columns);
  /// w(3, 3, channels, filters), turned by 180 degrees or not, to u(36, channels, filters).
  void (*winograd_weight)(Size channels, Size filters, const float* w, bool turned, float* u);
  /// The way back, for the weights' gradient: the gradients of a tile's 4 x 4 outputs at dy to those of its 36
  /// products;
  void (*winograd_gradient)(Size filters, const float* dy, Size row_stride, float* d, Size d_stride);
  /// and those of u to those of w.
  void (*winograd_weight_gradient)(Size channels, Size filters, const float* du, float* dw);

  void (*activate)(Activation kind, float slope, Size n, const float* x, float* y);
  /// dx = dy * f'(x), from the output y = f(x); dx may be dy.
  void (*activate_backward)(Activation kind, float slope, Size n, const float* y, const float* dy, float* dx);
  /// The same from x; from y there is none for gelu and silu.
  void (*activate_backward_input)(Activation kind, float slope, Size n, const float* x, const float* dy, float* dx);
  void (*softmax)(Size rows, Size n, const float* x, float* y);
  /// dx = y * (dy - sum(dy * y)); dx may be dy.
  void (*softmax_backward)(Size rows, Size n, const float* y, const float* dy, float* dx);
  /// One row: dx = scale * (softmax(x) * sum(t) - t). The loss is sum(t) * (log(sum_exp) + max) - dot, for the caller.
  void (*softmax_cross_entropy)(Size n, const float* x, const float* t, float scale, float* dx, float* max,
                                float* sum_exp, float* dot, float* sum_t);

  /// y = x * scale + offset.
  void (*affine)(Size n, const float* x, float scale, float offset, float* y);
  void (*affine_uint8)(Size n, const std::uint8_t* x, float scale, float offset, float* y);
  /// The same with a scale and an offset for each element.
  void (*affine_each)(Size n, const float* x, const float* scale, const float* offset, float* y);
  void (*affine_each_uint8)(Size n, const std::uint8_t* x, const float* scale, const float* offset, float* y);
  /// y = scale * (x - t).
  void (*scaled_difference)(Size n, const float* x, const float* t, float scale, float* y);
  /// Dropout of n elements from position `first` on: y = x / (1 - rate) where the element is kept, otherwise 0.
  void (*dropout)(Size n, const float* x, float* y, float rate, std::uint32_t seed, std::uint32_t purpose,
                  std::uint32_t step, std::uint32_t epoch, std::uint32_t stream, Size first);

  /// One image (height, width, channels): maxima of windows that lie within the image after clipping.
  void (*max_pool)(const struct PoolGeometry& g, const float* x, float* y);
  /// dx of the same image; each maximum's gradient goes to its first position in the window.
  void (*max_pool_backward)(const struct PoolGeometry& g, const float* x, const float* y, const float* dy, float* dx);

  void (*sgd)(Size n, float* w, const float* gradient, float rate);
  /// velocity = momentum * velocity + gradient; w -= rate * velocity, or with nesterov rate * (gradient + momentum *
  /// velocity) (as in PyTorch).
  void (*sgd_momentum)(Size n, float* w, const float* gradient, float* velocity, float rate, float momentum,
                       bool nesterov);
  /// square = decay * square + (1 - decay) * gradient^2; w -= rate * gradient / (sqrt(square) + epsilon), or, where
  /// there is a velocity, that quotient goes into it as in sgd_momentum.
  void (*rmsprop)(Size n, float* w, const float* gradient, float* square, float* velocity, float rate, float decay,
                  float one_minus_decay, float epsilon, float momentum);
  /// sum += gradient^2; w -= rate * gradient / (sqrt(sum) + epsilon).
  void (*adagrad)(Size n, float* w, const float* gradient, float* sum, float rate, float epsilon);
  void (*adam)(Size n, float* w, const float* gradient, float* m, float* v, const AdamStep& step);
};

struct PoolGeometry {
  Size height, width, channels, output_height, output_width;
  Size size_height, size_width, stride_height, stride_width, pad_top, pad_left;
};

extern const Kernels scalar_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels, avx512_kernels;
#endif

/// The table called `name`, or the best that this CPU has where name is null; null where there is none such here.
const Kernels* select_kernels(const char* name);
/// Name of the i-th instruction set that this CPU has, best first; null past the last.
const char* supported_kernels(int i);

}  // namespace hebb
