// cachemodel: prefetch takes no pointers.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes objects, not pointers to them; write a
// expect: std::vector<std::reference_wrapper<const C>> of what they point to
#include <cachemodel/cachemodel.hpp>

#include <functional>
#include <vector>

using namespace cachemodel;

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const { return 0; }
};

const CachedMethod<&Shape::area> area;

#ifdef CACHEMODEL_MISTAKE
using Shapes = std::vector<Shape*>;
#else
using Shapes = std::vector<std::reference_wrapper<const Shape>>;
#endif

void use(const Shapes& shapes) { (void)area.prefetch(shapes); }
