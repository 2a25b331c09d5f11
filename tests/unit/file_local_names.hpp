// cachemodel: cached calls of functions and classes that only their source file knows.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

namespace file_local_names {

struct Shape {
    virtual ~Shape() = default;
    virtual int area() const = 0;
};

int answer_1(const cachemodel::Cache& cache);
int answer_2(const cachemodel::Cache& cache);
int static_answer_1(const cachemodel::Cache& cache);
int static_answer_2(const cachemodel::Cache& cache);
int named_answer_1(const cachemodel::Cache& cache);
int named_answer_2(const cachemodel::Cache& cache);
int answer_of_template_1(const cachemodel::Cache& cache);
int answer_of_template_2(const cachemodel::Cache& cache);
int number_1(const cachemodel::Cache& cache);
int number_2(const cachemodel::Cache& cache);
int area_1(const cachemodel::Cache& cache);
int area_2(const cachemodel::Cache& cache);

}  // namespace file_local_names
