{
  "targets": [
    {
      "target_name": "hebb",
      "sources": [
        "native/addon.cc",
        "native/moments.cc",
        "native/program.cc",
        "native/thread_pool.cc",
        "native/ops/augment.cc",
        "native/ops/conv2d.cc",
        "native/ops/conv2d_backward.cc",
        "native/ops/elementwise.cc",
        "native/ops/gemm.cc",
        "native/ops/loss.cc",
        "native/ops/norm.cc",
        "native/ops/pool.cc",
        "native/ops/tensor.cc",
        "native/ops/update.cc",
        "native/ops/winograd.cc",
        "native/kernels/select.cc",
        "native/kernels/scalar.cc",
        "native/kernels/avx2.cc",
        "native/kernels/avx512.cc",
        "native/kernels/neon.cc"
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")", "native"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc!": ["-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O3", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-psabi"],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
        "OTHER_CPLUSPLUSFLAGS": ["-O3", "-ffp-contract=off", "-fno-math-errno"],
        "MACOSX_DEPLOYMENT_TARGET": "11.0"
      }
    }
  ]
}
