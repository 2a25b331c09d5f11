// cachemodel: the member that keeps a struct from being a value is named, with its type.
// SPDX-License-Identifier: MIT
// expect: MemberOf<Cover, Colour,
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

class Colour {
 public:
    int rgb() const { return rgb_; }

 private:
    int rgb_ = 0;
};

struct Cover {
    std::string text;
#ifdef CACHEMODEL_MISTAKE
    Colour colour;
#else
    int colour = 0;
#endif
};

struct Book {
    std::string title;
    Cover cover;
};

void use(const Cache& cache) { cache.set("k", Book{}); }
