// cachemodel: a function and a class that only this file knows; another file has some of that name.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>

#include "unit/file_local_names.hpp"

using namespace cachemodel;

namespace {

int answer(int n) { return n + 1; }

struct Local final : file_local_names::Shape {
    int area() const override { return 1; }
};

struct Hidden {
    int id = 0;
    int number() const { return 1; }
};

}  // namespace

namespace file_local_names {

static int static_answer(int n) { return n + 1; }

template <class T>
static int answer_of_template(T n) {
    return n + 1;
}

int answer_of_template_1(const Cache& cache) {
    return CachedFunction<&answer_of_template<int>>{cache}(10);
}
int number_1(const Cache& cache) {
    return CachedMethod<&Hidden::number, &Hidden::id>{cache}(Hidden{});
}
int answer_1(const Cache& cache) { return CachedFunction<&answer>{cache}(10); }
int static_answer_1(const Cache& cache) { return CachedFunction<&static_answer>{cache}(10); }
int named_answer_1(const Cache& cache) {
    return CachedFunction<&answer>{cache, {.name = "answer 1"}}(10);
}
int area_1(const Cache& cache) { return CachedMethod<&Shape::area>{cache}(Local{}); }

}  // namespace file_local_names
