// The inner loops, once, over vectors of any width. Included by one file per instruction set, which defines V (floats),
// I (ints of the same width), H (floats of half the width, or V), HEBB_WIDTH, the sizes of tiles, and broadcast_as,
// fma, multiply_low, square_root, load_first_as and store_first. No standard library header may be included here: its
// inline functions would be compiled for this instruction set and could be linked into the rest.
#pragma once
#include "../random.h"
#include "kernels.h"

// Each needs those before it.
// clang-format off
#include "vector.inl.h"
#include "activation.inl.h"
#include "gemm.inl.h"
#include "transpose.inl.h"
#include "reduce.inl.h"
#include "winograd.inl.h"
#include "loss.inl.h"
#include "elementwise.inl.h"
#include "pool.inl.h"
#include "update.inl.h"
// clang-format on

#define HEBB_STRING2(x) #x
#define HEBB_STRING(x) HEBB_STRING2(x)
#define HEBB_TABLE2(isa) isa##_kernels
#define HEBB_TABLE(isa) HEBB_TABLE2(isa)

namespace hebb {

const Kernels HEBB_TABLE(HEBB_ISA) = {
    HEBB_STRING(HEBB_ISA),
    HEBB_ISA::W,
    HEBB_ISA::kRows,
    HEBB_ISA::kPanel,
    HEBB_WINOGRAD_CHANNELS,
    HEBB_ISA::gemm,
    HEBB_ISA::depthwise,
    HEBB_ISA::gemm_dot,
    HEBB_ISA::pack_transposed,
    HEBB_ISA::column_sums,
    HEBB_ISA::winograd_input,
    HEBB_ISA::winograd_output,
    HEBB_ISA::winograd_weight,
    HEBB_ISA::winograd_gradient,
    HEBB_ISA::winograd_weight_gradient,
    HEBB_ISA::activate,
    HEBB_ISA::activate_backward,
    HEBB_ISA::activate_backward_input,
    HEBB_ISA::softmax,
    HEBB_ISA::softmax_backward,
    HEBB_ISA::softmax_cross_entropy,
    HEBB_ISA::affine,
    HEBB_ISA::affine_uint8,
    HEBB_ISA::affine_each,
    HEBB_ISA::affine_each_uint8,
    HEBB_ISA::scaled_difference,
    HEBB_ISA::dropout,
    HEBB_ISA::max_pool,
    HEBB_ISA::max_pool_backward,
    HEBB_ISA::sgd,
    HEBB_ISA::sgd_momentum,
    HEBB_ISA::rmsprop,
    HEBB_ISA::adagrad,
    HEBB_ISA::adam,
};

}  // namespace hebb
