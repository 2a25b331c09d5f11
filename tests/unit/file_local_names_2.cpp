// cachemodel: a function and a class that only this file knows; another file has some of that name.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>

#include "unit/file_local_names.hpp"

using namespace cachemodel;

namespace {

int answer(int n) { return n + 2; }

struct Local final : file_local_names::Shape {
    int area() const override { return 2; }
};

struct Hidden {
    int id = 0;
    int number() const { return 2; }
};

}  // namespace

namespace file_local_names {

static int static_answer(int n) { return n + 2; }

template <class T>
static int answer_of_template(T n) {
    return n + 2;
}

int answer_of_template_2(const Cache& cache) {
    return CachedFunction<&answer_of_template<int>>{cache}(10);
}
int number_2(const Cache& cache) {
    return CachedMethod<&Hidden::number, &Hidden::id>{cache}(Hidden{});
}
int answer_2(const Cache& cache) { return CachedFunction<&answer>{cache}(10); }
int static_answer_2(const Cache& cache) { return CachedFunction<&static_answer>{cache}(10); }
int named_answer_2(const Cache& cache) {
    return CachedFunction<&answer>{cache, {.name = "answer 2"}}(10);
}
int area_2(const Cache& cache) { return CachedMethod<&Shape::area>{cache}(Local{}); }

}  // namespace file_local_names
