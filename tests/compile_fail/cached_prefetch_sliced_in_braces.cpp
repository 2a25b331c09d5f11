// cachemodel: prefetch makes no objects of a base of what stands in braces.
// SPDX-License-Identifier: MIT
// expect: cachemodel: prefetch takes objects of a class with virtual functions only where they
// expect: stay, for a copy may lose what they are; write std::vector<std::reference_wrapper<const
// expect: C>>
#include <cachemodel/cachemodel.hpp>

#include <vector>

using namespace cachemodel;

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const { return 0; }
};
struct Circle : Shape {
    double area() const override { return 3; }
};

const CachedMethod<&Shape::area> area;

void use(const Circle& circle) {
#ifdef CACHEMODEL_MISTAKE
    (void)area.prefetch({circle, Circle{}});
#else
    (void)area.prefetch(std::vector<Circle>{circle, Circle{}});
#endif
}
